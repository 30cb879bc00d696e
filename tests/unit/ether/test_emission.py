"""The messages' payload: what is read back, what is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.virtual.ether.emission import Emission, Signal

EMISSIONS = st.builds(
    Emission,
    emission_id=st.integers(0, 2**63),
    start_us=st.integers(0, 2**62),
    frequency_hz=st.integers(100_000_000, 3_000_000_000),
    spreading_factor=st.integers(6, 12),
    bandwidth_hz=st.sampled_from([7_800, 125_000, 250_000, 500_000]),
    coding_rate=st.integers(5, 8),
    preamble_symbols=st.integers(0, 65_535),
    invert_iq=st.booleans(),
    sync_word=st.integers(0, 255),
    explicit_header=st.booleans(),
    crc=st.booleans(),
    low_data_rate=st.booleans(),
    power_cdbm=st.integers(-10_000, 4_000),
    payload=st.binary(min_size=1, max_size=255),
)


@given(EMISSIONS)
def test_comes_back_as_sent(emission: Emission) -> None:
    assert Emission.from_json(json.loads(json.dumps(emission.to_json()))) == emission
    assert emission.end_us > emission.start_us


@given(EMISSIONS, st.data())
def test_one_bad_field_is_named(emission: Emission, data: st.DataObject) -> None:
    value = emission.to_json()
    name = data.draw(st.sampled_from(sorted(value)))
    if data.draw(st.booleans()):
        del value[name]
    else:
        value[name] = data.draw(st.sampled_from([None, "x", -1_000_000, 2**70, [], {}, 1.5]))
    with pytest.raises(ValueError, match=name):
        Emission.from_json(value)


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text()))
def test_anything_else_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="emission"):
        Emission.from_json(value)


@given(EMISSIONS, st.integers(0, 2**62))
def test_a_cut_never_lengthens(emission: Emission, cut_us: int) -> None:
    assert Signal(emission, "a", -9_000, cut_us).end_us == min(cut_us, emission.end_us)
