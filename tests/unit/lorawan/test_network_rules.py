"""Addresses, channel lists, ADR, gateway choice, class B and regional limits beyond the known answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.lora.regions import REGIONS, Region, get_region
from router.lorawan.adr import AdrLimits, AdrSetting, AdrUplink, apply_steps, compute_adr, compute_nb_trans
from router.lorawan.cf_list import (
    ChannelFrequencies,
    ChannelMasks,
    build_channel_masks,
    encode_cf_list,
    parse_cf_list,
)
from router.lorawan.channel_plan import apply_link_adr_requests, build_cf_list, build_link_adr_requests
from router.lorawan.class_b import BEACON_PERIOD_MS, compute_next_ping_slot_ms, compute_ping_offset
from router.lorawan.errors import InvalidField, MalformedFrame
from router.lorawan.gateway_choice import Candidate, Reception, draw_gateway, select_downlink_gateways
from router.lorawan.mac_commands import LinkAdrReq
from router.lorawan.net_id import (
    DevAddrPrefix,
    apply_dev_addr_prefix,
    compute_dev_addr_prefix,
    get_dev_addr_net_id_type,
    get_net_id_type,
    parse_dev_addr_prefix,
)
from router.lorawan.regional import (
    compute_ping_slot_frequency_hz,
    compute_rx1_data_rate,
    get_channel_data_rates,
    get_max_adr_data_rate,
    get_rx1_data_rates,
)
from router.lorawan.regional_payloads import Revision, get_max_frm_payload_bytes, get_max_payloads
from tests.unit.lorawan import FUZZ

NET_IDS = st.binary(min_size=3, max_size=3)
DEV_ADDRS = st.binary(min_size=4, max_size=4)


@FUZZ
@given(NET_IDS, DEV_ADDRS)
def test_an_address_in_a_networks_prefix_has_its_type(net_id: bytes, dev_addr: bytes) -> None:
    prefix = compute_dev_addr_prefix(net_id)
    inside = apply_dev_addr_prefix(dev_addr, prefix)
    assert prefix.contains(inside)
    assert get_dev_addr_net_id_type(inside) == get_net_id_type(net_id)
    assert prefix.first <= int.from_bytes(inside, "big") <= prefix.last
    assert parse_dev_addr_prefix(str(prefix)) == prefix
    assert apply_dev_addr_prefix(inside, prefix) == inside


@FUZZ
@given(st.integers(0, 32), st.integers(0, 32), DEV_ADDRS)
def test_a_shorter_prefix_contains_the_longer(one: int, other: int, dev_addr: bytes) -> None:
    def cut(length: int) -> DevAddrPrefix:
        mask = (0xFFFF_FFFF << 32 - length) & 0xFFFF_FFFF
        return DevAddrPrefix(int.from_bytes(dev_addr, "big") & mask, length)

    short, long = cut(min(one, other)), cut(max(one, other))
    assert long.is_subset_of(short) and short.contains(dev_addr)
    assert short.is_subset_of(long) == (one == other)


@pytest.mark.parametrize("text", ["", "zz", "01/33", "01000000/-1", "01000000/6", "0100000001/8", "01/x"])
def test_bad_prefixes_are_refused(text: str) -> None:
    with pytest.raises(InvalidField):
        parse_dev_addr_prefix(text)


def test_an_address_of_no_network_is_refused() -> None:
    with pytest.raises(InvalidField, match="eight ones"):
        get_dev_addr_net_id_type(b"\xff\0\0\0")


@FUZZ
@given(st.binary(min_size=0, max_size=18))
def test_any_cf_list_is_read_or_refused(data: bytes) -> None:
    try:
        cf_list = parse_cf_list(data)
    except MalformedFrame as error:
        assert error.rule in ("cf_list_length", "cf_list_type")
        return
    encode_cf_list(cf_list)


@FUZZ
@given(st.lists(st.integers(0, 0xFFFF), max_size=7))
def test_masks_survive(masks: list[int]) -> None:
    read = parse_cf_list(encode_cf_list(ChannelMasks(tuple(masks))))
    assert isinstance(read, ChannelMasks)
    assert read.masks == tuple(masks) + (0,) * (7 - len(masks))


def test_cf_lists_that_do_not_fit_are_refused() -> None:
    for cf_list in (
        ChannelFrequencies((868_100_000,) * 6),
        ChannelFrequencies((868_100_001,)),
        ChannelMasks((0,) * 8),
        ChannelMasks((1 << 16,)),
    ):
        with pytest.raises(InvalidField):
            encode_cf_list(cf_list)
    with pytest.raises(InvalidField):
        build_channel_masks([72], 72)
    assert build_cf_list("EU868", [0, 1, 2], []) is None


@FUZZ
@given(st.sampled_from(("US915", "AU915", "CN470")), st.data())
def test_a_device_of_a_fixed_plan_ends_on_the_networks_channels(name: str, data: st.DataObject) -> None:
    count = len(get_region(name).uplink_channels)
    channels = st.lists(st.integers(0, count - 1), unique=True).map(sorted)
    network, device = data.draw(channels), data.draw(channels)
    requests = build_link_adr_requests(name, network, device, count)
    assert apply_link_adr_requests(name, requests, device, count) == tuple(network)
    assert (requests == ()) == (network == device)


@FUZZ
@given(st.sets(st.integers(3, 15)), st.sets(st.integers(0, 15)), st.sets(st.integers(0, 2), min_size=1))
def test_a_device_of_a_dynamic_plan_gets_what_it_knows(
    own: set[int], device: set[int], defaults: set[int]
) -> None:
    network = sorted(own | defaults)
    requests = build_link_adr_requests("EU868", network, sorted(device), 3)
    result = set(apply_link_adr_requests("EU868", requests, sorted(device), 16))
    assert len(requests) <= 1
    assert result == defaults | (own & device)


def test_masks_for_banks_and_for_everything() -> None:
    banks = LinkAdrReq(0, 0, 0b10, ch_mask_cntl=5)
    assert apply_link_adr_requests("US915", [banks], [0, 70], 72) == (*range(8, 16), 65)
    everything = LinkAdrReq(0, 0, 0xFF, ch_mask_cntl=6)
    assert apply_link_adr_requests("US915", [everything], [], 72) == tuple(range(72))
    assert apply_link_adr_requests("EU868", [everything], [0], 8) == tuple(range(8))


# --- ADR ------------------------------------------------------------------------------------------

LIMITS = AdrLimits(max_data_rate=5, max_tx_power_index=7, required_snr_db=-20.0)


def test_the_worked_example() -> None:
    decided = compute_adr(AdrSetting(0, 0, 1), LIMITS, (AdrUplink(0, 0.0, 0),))
    assert decided == AdrSetting(3, 0, 1)


def test_power_rises_only_after_a_full_history_at_that_power() -> None:
    limits = AdrLimits(max_data_rate=5, max_tx_power_index=7, required_snr_db=-7.5)
    history = tuple(AdrUplink(number, -3.0, 4) for number in range(20))
    assert compute_adr(AdrSetting(5, 4, 1), limits, history) == AdrSetting(5, 3, 1)
    assert compute_adr(AdrSetting(5, 4, 1), limits, history[1:]) == AdrSetting(5, 4, 1)
    mixed = (*history[1:], AdrUplink(20, -3.0, 3))
    assert compute_adr(AdrSetting(5, 4, 1), limits, mixed) == AdrSetting(5, 4, 1)


def test_without_the_adr_bit_or_without_history_nothing_rises() -> None:
    good = (AdrUplink(0, 20.0, 0),)
    assert compute_adr(AdrSetting(0, 0, 1), LIMITS, good, is_adr_on=False) == AdrSetting(0, 0, 1)
    assert compute_adr(AdrSetting(0, 0, 1), LIMITS, ()) == AdrSetting(0, 0, 1)


@FUZZ
@given(st.integers(-30, 30), st.integers(0, 15), st.integers(0, 7), st.integers(0, 15), st.integers(0, 7))
def test_steps_stay_within_limits(steps: int, power: int, rate: int, max_power: int, max_rate: int) -> None:
    new_power, new_rate = apply_steps(steps, power, rate, max_power, max_rate)
    assert 0 <= new_power <= max(power, max_power) and rate <= new_rate <= max(rate, max_rate)
    assert steps > 0 or new_rate == rate
    assert abs(new_power - power) + new_rate - rate <= abs(steps)


def test_nb_trans_stays_between_1_and_3() -> None:
    assert {
        compute_nb_trans(current, loss) for current in range(-1, 6) for loss in (0.0, 7.0, 20.0, 90.0)
    } == {
        1,
        2,
        3,
    }


# --- gateways and class B -------------------------------------------------------------------------


def test_draws_follow_the_weights_and_bad_gateways_are_left_out() -> None:
    receptions = [Reception("a", 12.0, -80), Reception("a", 14.0, -80), Reception("b", 11.0, -70)]
    receptions += [Reception("weak", 3.0, -60), Reception("private", 30.0, -50, is_allowed=False)]
    chosen = select_downlink_gateways(receptions, 10.0)
    assert chosen == (Candidate("a", 2), Candidate("b", 1))
    assert [draw_gateway(chosen, number) for number in (0.0, 0.5, 0.67, 0.999)] == ["a", "a", "b", "b"]
    assert select_downlink_gateways(receptions, 99.0) == (Candidate("a", 1),)
    assert select_downlink_gateways([], 0.0) == ()
    assert select_downlink_gateways([Reception("x", 1, -90), Reception("y", 1, -80)], 5) == (
        Candidate("y", 1),
    )


@FUZZ
@given(st.integers(0, 1 << 40), DEV_ADDRS, st.sampled_from((1, 2, 4, 8, 16, 32, 64, 128)))
def test_ping_slots_come_after_now_and_in_their_grid(after_ms: int, dev_addr: bytes, ping_nb: int) -> None:
    slot_ms = compute_next_ping_slot_ms(after_ms, dev_addr, ping_nb)
    assert after_ms < slot_ms <= after_ms + 2 * BEACON_PERIOD_MS
    in_period = slot_ms % BEACON_PERIOD_MS - 2_120
    period = 4_096 // ping_nb
    offset = compute_ping_offset(slot_ms // BEACON_PERIOD_MS * 128, dev_addr, period)
    assert in_period % 30 == 0 and (in_period // 30 - offset) % period == 0


def test_impossible_ping_periods_are_refused() -> None:
    with pytest.raises(InvalidField):
        compute_ping_offset(0, bytes(4), 0)
    with pytest.raises(InvalidField):
        compute_next_ping_slot_ms(0, bytes(4), 0)


# --- regional -------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", REGIONS, ids=[region.name for region in REGIONS])
def test_every_answer_of_rx1_is_a_downlink_data_rate(region: Region) -> None:
    known = {*region.downlink_data_rates, *region.fsk_data_rates}
    for dwell in (False, True):
        for data_rate, row in get_rx1_data_rates(region, downlink_dwell_400ms=dwell).items():
            missing = {6} if region.common_name in ("IN865", "KR920") else set()
            assert set(row) <= known | missing, data_rate
    used = {index for channel in region.uplink_channels for index in get_channel_data_rates(region, channel)}
    assert used <= set(get_rx1_data_rates(region))
    for data_rate in used:
        assert compute_rx1_data_rate(region, data_rate, 0) in get_max_payloads(region)
    assert get_max_adr_data_rate(region) in region.data_rates
    assert compute_ping_slot_frequency_hz(region, bytes(4), 0) > 400_000_000


def test_rx1_refuses_what_a_region_has_not() -> None:
    region = get_region("EU868")
    assert compute_rx1_data_rate(region, 5, 2) == 3
    for data_rate, offset in ((14, 0), (5, 6), (5, -1)):
        with pytest.raises(InvalidField):
            compute_rx1_data_rate(region, data_rate, offset)


def test_payload_limits_shrink_with_f_opts_and_repeaters() -> None:
    region = get_region("EU868")
    assert get_max_frm_payload_bytes(region, 0) == 51
    assert get_max_frm_payload_bytes(region, 0, 15) == 36
    assert get_max_frm_payload_bytes(region, 14) == 0
    for revision in Revision:
        plain = get_max_payloads(region, revision)
        repeated = get_max_payloads(region, revision, is_repeater_compatible=True)
        assert plain.keys() == repeated.keys()
        for data_rate, limit in plain.items():
            assert repeated[data_rate].frm_payload_bytes == min(222, limit.frm_payload_bytes)
            assert limit.mac_payload_bytes == limit.frm_payload_bytes + 8
