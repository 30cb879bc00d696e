"""Parameter changes: what can be changed, to what, and when it takes effect."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from chain.coverage.parameters import CoverageParameters
from chain.governance.changed_parameters import FIXED_PARAMETERS, apply_changes
from chain.governance.schedule import SCHEDULED, iterate_scheduled, process_activations
from chain.ledger.current_parameters import get_parameters, get_protocol_version
from chain.ledger.parameters import Parameters
from chain.transactions import ChangedParameter, InvalidTransaction, ParameterChange, Reason
from tests.unit.chain.governed_world import PARAMETERS, GovernedWorld, kinds


def change(name: str, value: str) -> ChangedParameter:
    return ChangedParameter(name, value)


def activate(world: GovernedWorld, height: int) -> list[str]:
    world.go_to(height=height)
    return kinds(process_activations(world.state, world.context))


def test_a_change_takes_effect_at_its_height() -> None:
    world = GovernedWorld()
    events = world.apply(world.change(height=20, max_payees="9", coverage__maximum_witnesses="5"))
    assert kinds(events) == ["parameter_change_scheduled"]
    assert events[-1].fields["names"] == ["coverage.maximum_witnesses", "max_payees"]
    assert activate(world, 19) == []
    assert get_parameters(world.state) == PARAMETERS
    assert activate(world, 20) == ["parameters_changed"]
    changed = get_parameters(world.state)
    assert changed == replace(
        PARAMETERS, max_payees=9, coverage=replace(PARAMETERS.coverage, maximum_witnesses=5)
    )
    assert list(world.state.iterate(SCHEDULED)) == []
    assert activate(world, 21) == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("hxt_price", "250000000", 250_000_000),
        ("coverage.accept_unclaimed_reports", "true", True),
        ("coverage.region", '"US915"', "US915"),
        ("coverage.beacon_spreading_factors", "[7, 9]", (7, 9)),
        ("coverage.snr_rssi_floor", "[[-9,-120]]", ((-9, -120),)),
    ],
)
def test_values_of_each_type(name: str, value: str, expected: Any) -> None:
    changed = apply_changes(Parameters(), [change(name, value)])
    struct: Any = changed.coverage if name.startswith("coverage.") else changed
    assert getattr(struct, name.rpartition(".")[2]) == expected


@pytest.mark.parametrize(
    "name",
    ["", ".", "max_payee", "coverage.", ".max_payees", "coverage.max_payees", "max_payees.bits", "__class__",
     "coverage.coverage.round_ms", "validate", "coverage.find_problem", "coverage", "MAX_PAYEES"],
)  # fmt: skip
def test_names_that_there_are_not(name: str) -> None:
    with pytest.raises(InvalidTransaction) as caught:
        apply_changes(Parameters(), [change(name, "1")])
    assert caught.value.code is Reason.UNKNOWN_PARAMETER


@pytest.mark.parametrize("name", FIXED_PARAMETERS)
def test_what_is_fixed_for_good(name: str) -> None:
    with pytest.raises(InvalidTransaction, match="is fixed for good") as caught:
        apply_changes(Parameters(), [change(name, "60000")])
    assert caught.value.code is Reason.FIXED_PARAMETER


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_payees", ""),
        ("max_payees", "nine"),
        ("max_payees", '"9"'),
        ("max_payees", "9.5"),
        ("max_payees", "9.0"),
        ("max_payees", "true"),
        ("max_payees", "null"),
        ("max_payees", "[9]"),
        ("max_payees", "9 9"),
        ("max_payees", "NaN"),
        ("max_payees", "-1"),
        ("max_payees", str(2**63)),
        ("max_payees", "9" * 200),
        ("max_payees", "[" * 255),
        ("hxt_price", "0"),
        ("epoch_ms_", "1"),
        ("block_interval_ms", str(10**12)),
        ("reporter_share_ppm", "1000000"),
        ("unbonding_epochs", "21"),
        ("escrow_epochs", "21"),
        ("witness_share_ppm", "900000"),
        ("price_minimum_age_ms", "90000000"),
        ("price_max_change_ppm", "0"),
        ("price_max_change_ppm", "1000001"),
        ("price_interval_ms", "0"),
        ("price_report_interval_ms", "0"),
        ("activation_delay_blocks", "0"),
        ("activation_delay_blocks", "4000000"),
        ("max_scheduled_decisions", "0"),
        ("max_block_bytes", "1000"),
        ("block_governance_share_ppm", "1"),
        ("coverage.region", "EU868"),
        ("coverage.region", '"EU433X"'),
        ("coverage.region", "7"),
        ("coverage.accept_unclaimed_reports", "1"),
        ("coverage.beacon_spreading_factors", "[]"),
        ("coverage.beacon_spreading_factors", "[13]"),
        ("coverage.beacon_spreading_factors", "7"),
        ("coverage.beacon_bandwidth_hz", "0"),
        ("coverage.snr_rssi_floor", "[[1]]"),
        ("coverage.opening_ms", "60000"),
        ("coverage.weak_evidence_ppm", "1000001"),
        ("coverage.snr_rssi_floor", f"[[{2**64},1]]"),
    ],
)
def test_values_that_the_rules_cannot_work_with(name: str, value: str) -> None:
    world = GovernedWorld()
    reason = Reason.UNKNOWN_PARAMETER if name == "epoch_ms_" else Reason.INVALID_PARAMETER
    body = world.change()
    world.refuse(replace(body, changes=(change(name, value),)), reason)


def test_two_values_that_go_together_only() -> None:
    """Each alone would break a limit between them."""
    world = GovernedWorld()
    world.refuse(world.change(escrow_epochs="40"), Reason.INVALID_PARAMETER)
    world.apply(world.change(escrow_epochs="40", unbonding_epochs="60"))


def test_one_bad_value_spoils_all() -> None:
    world = GovernedWorld()
    world.refuse(world.change(max_payees="9", hxt_price="0"), Reason.INVALID_PARAMETER)
    world.refuse(world.change(max_payees="9", epoch_ms="1"), Reason.FIXED_PARAMETER)


def test_names_out_of_order_or_twice() -> None:
    world = GovernedWorld()
    body = world.change(hxt_price="5", max_payees="9")
    world.refuse(replace(body, changes=body.changes[::-1]), Reason.NOT_SORTED)
    world.refuse(replace(body, changes=body.changes[:1] * 2), Reason.NOT_SORTED)


def test_nobody_changes_anything_alone() -> None:
    world = GovernedWorld()
    world.refuse(replace(world.change(max_payees="9"), approvers=world.keys_of("one")), Reason.NOT_APPROVED)


def test_not_too_soon_and_not_too_late() -> None:
    world = GovernedWorld()  # at height 7, 10 to 1000 blocks ahead
    for height in (0, 7, 8, 16):
        world.refuse(world.change(height=height, max_payees="9"), Reason.ACTIVATION_TOO_SOON)
    for height in (1_008, 2**62):
        world.refuse(world.change(height=height, max_payees="9"), Reason.ACTIVATION_TOO_LATE)
    world.apply(world.change(height=17, max_payees="9"))
    world.apply(world.change(height=1_007, max_payees="9"))


def test_only_so_many_wait() -> None:
    world = GovernedWorld()
    for value in "123":
        world.apply(world.change(max_payees=value))
    world.refuse(world.change(max_payees="4"), Reason.TOO_MANY_SCHEDULED)
    activate(world, 100)
    world.apply(world.change(height=200, max_payees="4"))


def test_changes_of_one_height_compose_in_order() -> None:
    world = GovernedWorld()
    world.apply(world.change(height=50, max_payees="7", max_router_ranges="5"))
    world.apply(world.change(height=50, max_payees="6"))
    world.apply(world.change(height=40, max_payees="8", hxt_price="3"))
    assert [height for height, _ in iterate_scheduled(world.state)] == [40, 50, 50]
    assert activate(world, 40) == ["parameters_changed"]
    assert get_parameters(world.state).max_payees == 8
    assert activate(world, 50) == ["parameters_changed"] * 2
    assert get_parameters(world.state) == replace(PARAMETERS, max_payees=6, max_router_ranges=5, hxt_price=3)


def test_heights_that_were_passed_are_not_lost() -> None:
    world = GovernedWorld()
    world.apply(world.change(height=50, max_payees="7"))
    world.apply(world.change(height=40, max_payees="8"))
    assert activate(world, 60) == ["parameters_changed"] * 2
    assert get_parameters(world.state).max_payees == 7


def test_a_change_is_checked_against_what_it_will_meet() -> None:
    world = GovernedWorld()
    world.apply(world.change(height=40, escrow_epochs="15", unbonding_epochs="60"))
    world.refuse(world.change(height=39, escrow_epochs="50"), Reason.INVALID_PARAMETER)
    world.apply(world.change(height=40, escrow_epochs="50"))


def test_what_does_not_hold_any_more_is_dropped_and_told() -> None:
    world = GovernedWorld()
    world.apply(world.change(height=60, escrow_epochs="20"))
    world.apply(world.change(height=50, evidence_epochs="10"))  # 20 + 10 exceeds 28 by then
    world.apply(world.change(height=60, max_payees="3"))
    activate(world, 50)
    world.go_to(height=60)
    dropped, changed = process_activations(world.state, world.context)
    assert (dropped.kind, changed.kind) == ("decision_dropped", "parameters_changed")
    assert dropped.fields["code"] == "invalid_parameter"
    assert "unbonding_epochs 28 must exceed" in dropped.fields["why"]
    assert dropped.fields["names"] == ["escrow_epochs"]
    assert dropped.fields["decided_height"] == 7
    parameters = get_parameters(world.state)
    assert (parameters.escrow_epochs, parameters.evidence_epochs, parameters.max_payees) == (14, 10, 3)
    assert list(world.state.iterate(SCHEDULED)) == []


# Rule upgrades


def test_an_upgrade_takes_effect_at_its_height() -> None:
    world = GovernedWorld()
    assert kinds(world.apply(world.upgrade(3, height=40))) == ["rule_upgrade_scheduled"]
    assert activate(world, 39) == []
    assert activate(world, 40) == ["rules_upgraded"]
    assert get_protocol_version(world.state) == 3
    assert get_parameters(world.state) == PARAMETERS


def test_versions_only_rise() -> None:
    world = GovernedWorld()
    world.refuse(world.upgrade(1), Reason.VERSION_NOT_NEWER)
    world.apply(world.upgrade(3, height=40))
    world.refuse(world.upgrade(3, height=40), Reason.VERSION_NOT_NEWER)
    world.refuse(world.upgrade(2, height=50), Reason.VERSION_NOT_NEWER)
    world.apply(world.upgrade(2, height=39))


def test_an_upgrade_overtaken_by_a_later_decision_is_dropped() -> None:
    world = GovernedWorld()
    world.apply(world.upgrade(2, height=50))
    world.apply(world.upgrade(2, height=40))
    assert activate(world, 40) == ["rules_upgraded"]
    assert activate(world, 50) == ["decision_dropped"]
    assert get_protocol_version(world.state) == 2


def test_upgrades_need_approval_and_time() -> None:
    world = GovernedWorld()
    world.refuse(replace(world.upgrade(2), approvers=world.keys_of("one")), Reason.NOT_APPROVED)
    world.refuse(world.upgrade(2, height=16), Reason.ACTIVATION_TOO_SOON)
    world.refuse(world.upgrade(2, height=1_008), Reason.ACTIVATION_TOO_LATE)


# Properties

NAMES = sorted(asdict(Parameters())) + sorted(
    f"coverage.{name}" for name in CoverageParameters.__struct_fields__
)
VALUES = st.one_of(
    st.integers(-2, 2**70).map(str),
    st.integers(0, 2_000_000).map(str),
    st.sampled_from(["true", "[]", "[7]", "[[1,2]]", '"EU868"', "null", "{}", "1.5", "", "[[1,2,3,4]]"]),
    st.text(max_size=8),
)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES, min_size=1, max_size=4))
def test_whatever_is_accepted_could_begin_a_network(values: dict[str, str]) -> None:
    """And all else is refused with a reason; fixed parameters stay."""
    before = Parameters()
    try:
        changed = apply_changes(before, [change(name, value) for name, value in values.items()])
    except InvalidTransaction as error:
        assert error.code in (Reason.INVALID_PARAMETER, Reason.FIXED_PARAMETER, Reason.UNKNOWN_PARAMETER)
        assert error.message
        return
    changed.validate()
    assert msgspec.json.decode(msgspec.json.encode(changed), type=Parameters) == changed
    assert not set(values) & set(FIXED_PARAMETERS)
    old, new = (msgspec.to_builtins(parameters) for parameters in (before, changed))
    for name in NAMES:
        group, _, field = name.rpartition(".")
        if name not in values and name != "coverage":
            tree = (old["coverage"], new["coverage"]) if group else (old, new)
            assert tree[0][field] == tree[1][field]


HEIGHTS = st.integers(17, 60)


@given(st.lists(st.tuples(HEIGHTS, st.sampled_from(["max_payees", "escrow_epochs"]), st.integers(0, 40)),
                max_size=6))  # fmt: skip
def test_activation_never_fails_and_never_leaves_what_is_invalid(
    decisions: list[tuple[int, str, int]],
) -> None:
    world = GovernedWorld(replace(PARAMETERS, max_scheduled_decisions=10))
    taken = 0
    for height, name, value in decisions:
        body = world.change(height=height, **{name: str(value)})
        try:
            world.apply(body)
        except InvalidTransaction as error:
            assert error.code is Reason.INVALID_PARAMETER
        else:
            taken += 1
    done = 0
    for height in range(17, 61):
        done += len(activate(world, height))
        get_parameters(world.state).validate()
    assert done == taken
    assert list(world.state.iterate(SCHEDULED)) == []


def test_every_fixed_parameter_is_there() -> None:
    assert set(FIXED_PARAMETERS) <= set(NAMES)


def test_a_change_is_one_transaction_of_bounded_size() -> None:
    world = GovernedWorld()
    body = world.change()
    many = tuple(change(f"p{n:02}", "1") for n in range(33))
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode(replace(body, changes=many)), type=ParameterChange)
