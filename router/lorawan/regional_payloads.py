"""How long a downlink may be: M (MACPayload) and N (FRMPayload without FOpts) by region, revision and data
rate.

Source: the regional parameters from 1.0.1 to RP002-1.0.5 as ChirpStack's tables have them (known answers:
region_tables__lrwn). M is always N + 8. A revision from before a region existed has the newest values.
"""

from collections.abc import Mapping
from enum import IntEnum

import msgspec

from hardware.lora.region import Region


class Revision(IntEnum):
    """Revisions of the regional parameters, in their order."""

    V1_0_0 = 0
    V1_0_1 = 1
    V1_0_2_A = 2
    V1_0_2_B = 3
    V1_0_3_A = 4
    V1_1_A = 5
    V1_1_B = 6
    RP002_1_0_0 = 7
    RP002_1_0_1 = 8
    RP002_1_0_2 = 9
    RP002_1_0_3 = 10
    RP002_1_0_4 = 11
    RP002_1_0_5 = 12


class MaxPayload(msgspec.Struct, frozen=True):
    """``mac_payload_bytes`` is M, ``frm_payload_bytes`` is N; FOpts take from N."""

    mac_payload_bytes: int
    frm_payload_bytes: int


REPEATER_N = 222
_FRM_OVERHEAD_BYTES = 8

_DR0_TO_5 = {0: 51, 1: 51, 2: 51, 3: 115, 4: 242, 5: 242}
_DR0_TO_7 = _DR0_TO_5 | {6: 242, 7: 242}
_LR_FHSS = {8: 50, 9: 115, 10: 50, 11: 115}
_SF6_SF5 = {12: 242, 13: 242}
_DOWN_500 = {8: 53, 9: 129, 10: 242, 11: 242, 12: 242, 13: 242}
_DOWN_500_OLD_REPEATER = _DOWN_500 | {8: 33, 9: 109}
_AS923 = _DR0_TO_7 | {2: 115}
_AS923_DWELL = {0: 0, 1: 0, 2: 11, 3: 53, 4: 125, 5: 242, 6: 242, 7: 242}
_CN470_RP002 = {0: 0, 1: 23, 2: 86, 3: 184, 4: 242, 5: 242, 6: 242, 7: 242}

#: Since when a region has values of its own.
_FIRST = {
    "AU915": Revision.V1_0_3_A,
    "KR920": Revision.V1_0_2_A,
    "IN865": Revision.V1_0_2_A,
    "RU864": Revision.V1_0_3_A,
    "AS923": Revision.V1_0_2_A,
    "AS923_2": Revision.V1_0_2_A,
    "AS923_3": Revision.V1_0_2_A,
    "AS923_4": Revision.V1_0_2_A,
}


def get_max_payloads(
    region: Region,
    revision: Revision = Revision.RP002_1_0_4,
    *,
    is_repeater_compatible: bool = False,
    has_dwell_limit: bool = False,
) -> Mapping[int, MaxPayload]:
    """The limits by downlink data rate. ``has_dwell_limit``: downlink dwell time of 400 ms set (AS923)."""
    name = region.common_name
    first = _FIRST.get(name, Revision.V1_0_0)
    if name == "AU915" and is_repeater_compatible:
        first = Revision.V1_0_0
    if revision < first:
        revision = Revision.RP002_1_0_5
    is_old = revision < Revision.RP002_1_0_0
    is_newest = revision >= Revision.RP002_1_0_5
    uncut: set[int] = set()
    if name in ("US915", "AU915"):
        is_shorter = is_repeater_compatible and revision < Revision.RP002_1_0_2
        sizes = _DOWN_500_OLD_REPEATER if is_shorter else _DOWN_500
        if is_newest:
            sizes = sizes | {0: 242, 14: 242}
    elif name.startswith("AS923"):
        if has_dwell_limit:
            sizes = _AS923_DWELL
            if is_old:
                uncut = {5, 6, 7}  # those revisions set no repeater limit here
        else:
            sizes = _AS923 if revision >= Revision.RP002_1_0_1 else _DR0_TO_7
        if is_newest:
            sizes = sizes | _SF6_SF5
    elif name == "CN470":
        sizes = _CN470_RP002 if revision >= Revision.RP002_1_0_1 else _DR0_TO_5
    elif name == "CN779":
        sizes = _DR0_TO_7
        if revision <= Revision.V1_0_3_A:
            uncut = {6}  # those revisions set no repeater limit here
    else:
        sizes = _DR0_TO_5 if name == "KR920" else _DR0_TO_7
        if name == "EU868" and revision >= Revision.RP002_1_0_2:
            sizes = sizes | _LR_FHSS
        if is_newest:
            sizes = sizes | _SF6_SF5
    if is_repeater_compatible:
        sizes = {rate: size if rate in uncut else min(size, REPEATER_N) for rate, size in sizes.items()}
    return {rate: MaxPayload(size + _FRM_OVERHEAD_BYTES if size else 0, size) for rate, size in sizes.items()}


def get_max_frm_payload_bytes(region: Region, data_rate: int, f_opts_bytes: int = 0) -> int:
    """Room for application data in a downlink at ``data_rate`` beside ``f_opts_bytes``; 0 where there is
    none.
    """
    payload = get_max_payloads(region).get(data_rate)
    return max(0, payload.frm_payload_bytes - f_opts_bytes) if payload else 0
