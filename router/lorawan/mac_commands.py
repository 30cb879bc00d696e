"""MAC commands: every request and answer of LoRaWAN 1.0.x and 1.1, class B, and TS011 relay.

Source: LoRaWAN 1.0.4 section 5, 1.1 section 5, 1.0.4 section 14 (class B), TS011-1.0.0 section 11. A
command is its CID and a payload of fixed length (``FilterListReq`` says its own). Frequencies are Hz,
``data_rate`` and ``tx_power_index`` are indices of the region. Commands of the relay are in
``relay_mac_commands``.
"""

from typing import Annotated, Any, ClassVar

from router.lorawan.bit_fields import BitStruct, Flag, Frequency, Signed, Uint
from router.lorawan.frames import Direction

UP = Direction.UP
DOWN = Direction.DOWN

#: Dwell-free EIRP limits by TxParamSetupReq's index, dBm.
MAX_EIRP_DBM = (8, 10, 12, 13, 14, 16, 18, 20, 21, 24, 26, 27, 29, 30, 33, 36)

CLASS_A = 0
CLASS_C = 2

#: LinkADRReq's "keep what you have" for data rate and power (1.0.4 and 1.1).
KEEP = 15


class MacCommand(BitStruct, frozen=True, gc=False):
    """Base of all commands. ``cid`` and ``direction`` identify the class; ``size`` excludes the CID."""

    cid: ClassVar[int]
    direction: ClassVar[Direction]


Bits8 = Annotated[int, Uint(0, 8)]


class ResetInd(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x01, UP, 1
    minor: Annotated[int, Uint(0, 4)] = 1


class ResetConf(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x01, DOWN, 1
    minor: Annotated[int, Uint(0, 4)] = 1


class LinkCheckReq(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x02, UP, 0


class LinkCheckAns(MacCommand, frozen=True, gc=False):
    """``margin_db`` above the demodulation floor at the best gateway; ``gateway_count`` that heard the
    request.
    """

    cid, direction, size = 0x02, DOWN, 2
    margin_db: Bits8
    gateway_count: Annotated[int, Uint(8, 8)]


class LinkAdrReq(MacCommand, frozen=True, gc=False):
    """``ch_mask``: bit n is channel n of the block that ``ch_mask_cntl`` names. ``nb_trans`` 0 keeps the
    device's.
    """

    cid, direction, size = 0x03, DOWN, 4
    data_rate: Annotated[int, Uint(4, 4)]
    tx_power_index: Annotated[int, Uint(0, 4)]
    ch_mask: Annotated[int, Uint(8, 16)]
    ch_mask_cntl: Annotated[int, Uint(28, 3)] = 0
    nb_trans: Annotated[int, Uint(24, 4)] = 1


class LinkAdrAns(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x03, UP, 1
    ch_mask_ack: Annotated[bool, Flag(0)]
    data_rate_ack: Annotated[bool, Flag(1)]
    tx_power_ack: Annotated[bool, Flag(2)]

    @property
    def is_accepted(self) -> bool:
        return self.ch_mask_ack and self.data_rate_ack and self.tx_power_ack


class DutyCycleReq(MacCommand, frozen=True, gc=False):
    """The device keeps its duty cycle at or below 2^-``max_duty_cycle``."""

    cid, direction, size = 0x04, DOWN, 1
    max_duty_cycle: Annotated[int, Uint(0, 4)]


class DutyCycleAns(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x04, UP, 0


class RxParamSetupReq(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x05, DOWN, 4
    rx2_frequency_hz: Annotated[int, Frequency(8)]
    rx2_data_rate: Annotated[int, Uint(0, 4)]
    rx1_dr_offset: Annotated[int, Uint(4, 3)] = 0


class RxParamSetupAns(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x05, UP, 1
    channel_ack: Annotated[bool, Flag(0)]
    rx2_data_rate_ack: Annotated[bool, Flag(1)]
    rx1_dr_offset_ack: Annotated[bool, Flag(2)]


class DevStatusReq(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x06, DOWN, 0


class DevStatusAns(MacCommand, frozen=True, gc=False):
    """``battery``: 0 external power, 1 to 254 the level, 255 unknown. ``margin_db``: SNR of the request,
    -32 to 31.
    """

    cid, direction, size = 0x06, UP, 2
    battery: Bits8
    margin_db: Annotated[int, Signed(8, 6)]


class NewChannelReq(MacCommand, frozen=True, gc=False):
    """``frequency_hz`` 0 disables the channel."""

    cid, direction, size = 0x07, DOWN, 5
    channel_index: Bits8
    frequency_hz: Annotated[int, Frequency(8)]
    min_data_rate: Annotated[int, Uint(32, 4)]
    max_data_rate: Annotated[int, Uint(36, 4)]


class NewChannelAns(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x07, UP, 1
    channel_frequency_ok: Annotated[bool, Flag(0)]
    data_rate_range_ok: Annotated[bool, Flag(1)]


class RxTimingSetupReq(MacCommand, frozen=True, gc=False):
    """RX1 opens ``delay_s`` after the uplink; 0 means 1 second."""

    cid, direction, size = 0x08, DOWN, 1
    delay_s: Annotated[int, Uint(0, 4)]


class RxTimingSetupAns(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x08, UP, 0


class TxParamSetupReq(MacCommand, frozen=True, gc=False):
    """``max_eirp_index`` is an index of ``MAX_EIRP_DBM``; the flags set the 400 ms dwell time limit."""

    cid, direction, size = 0x09, DOWN, 1
    max_eirp_index: Annotated[int, Uint(0, 4)]
    uplink_dwell_time_400ms: Annotated[bool, Flag(4)] = False
    downlink_dwell_time_400ms: Annotated[bool, Flag(5)] = False


class TxParamSetupAns(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x09, UP, 0


class DlChannelReq(MacCommand, frozen=True, gc=False):
    """RX1 after an uplink on channel ``channel_index`` is on ``frequency_hz``."""

    cid, direction, size = 0x0A, DOWN, 4
    channel_index: Bits8
    frequency_hz: Annotated[int, Frequency(8)]


class DlChannelAns(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x0A, UP, 1
    channel_frequency_ok: Annotated[bool, Flag(0)]
    uplink_frequency_exists: Annotated[bool, Flag(1)]


class RekeyInd(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x0B, UP, 1
    minor: Annotated[int, Uint(0, 4)] = 1


class RekeyConf(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x0B, DOWN, 1
    minor: Annotated[int, Uint(0, 4)] = 1


class AdrParamSetupReq(MacCommand, frozen=True, gc=False):
    """ADR_ACK_LIMIT = 2^``limit_exponent``, ADR_ACK_DELAY = 2^``delay_exponent``."""

    cid, direction, size = 0x0C, DOWN, 1
    limit_exponent: Annotated[int, Uint(4, 4)]
    delay_exponent: Annotated[int, Uint(0, 4)]


class AdrParamSetupAns(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x0C, UP, 0


class DeviceTimeReq(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x0D, UP, 0


class DeviceTimeAns(MacCommand, frozen=True, gc=False):
    """Time at the end of the uplink: seconds since the GPS epoch (1980-01-06) and 1/256 of a second."""

    cid, direction, size = 0x0D, DOWN, 5
    gps_seconds: Annotated[int, Uint(0, 32)]
    fraction_256: Annotated[int, Uint(32, 8)] = 0


class ForceRejoinReq(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x0E, DOWN, 2
    period: Annotated[int, Uint(11, 3)]
    max_retries: Annotated[int, Uint(8, 3)]
    rejoin_type: Annotated[int, Uint(4, 3)]
    data_rate: Annotated[int, Uint(0, 4)]


class RejoinParamSetupReq(MacCommand, frozen=True, gc=False):
    """Rejoin at least every 2^(``max_time_exponent`` + 10) s or 2^(``max_count_exponent`` + 4) uplinks."""

    cid, direction, size = 0x0F, DOWN, 1
    max_time_exponent: Annotated[int, Uint(4, 4)]
    max_count_exponent: Annotated[int, Uint(0, 4)]


class RejoinParamSetupAns(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x0F, UP, 1
    time_ok: Annotated[bool, Flag(0)]


class PingSlotInfoReq(MacCommand, frozen=True, gc=False):
    """Ping slots every 2^``periodicity`` seconds."""

    cid, direction, size = 0x10, UP, 1
    periodicity: Annotated[int, Uint(0, 3)]


class PingSlotInfoAns(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x10, DOWN, 0


class PingSlotChannelReq(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x11, DOWN, 4
    frequency_hz: Annotated[int, Frequency(0)]
    data_rate: Annotated[int, Uint(24, 4)]


class PingSlotChannelAns(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x11, UP, 1
    channel_frequency_ok: Annotated[bool, Flag(0)]
    data_rate_ok: Annotated[bool, Flag(1)]


class BeaconTimingReq(MacCommand, frozen=True, gc=False):
    """Deprecated since 1.0.4."""

    cid, direction, size = 0x12, UP, 0


class BeaconTimingAns(MacCommand, frozen=True, gc=False):
    """The next beacon starts within ``delay`` + 1 times 30 ms, on beacon channel ``channel``."""

    cid, direction, size = 0x12, DOWN, 3
    delay: Annotated[int, Uint(0, 16)]
    channel: Annotated[int, Uint(16, 8)]


class BeaconFreqReq(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x13, DOWN, 3
    frequency_hz: Annotated[int, Frequency(0)]


class BeaconFreqAns(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x13, UP, 1
    beacon_frequency_ok: Annotated[bool, Flag(0)]


class DeviceModeInd(MacCommand, frozen=True, gc=False):
    """``class_code`` is ``CLASS_A`` or ``CLASS_C``."""

    cid, direction, size = 0x20, UP, 1
    class_code: Bits8


class DeviceModeConf(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x20, DOWN, 1
    class_code: Bits8


def list_commands(namespace: dict[str, Any]) -> tuple[type[MacCommand], ...]:
    """The command classes among a module's names."""
    return tuple(
        value
        for value in namespace.values()
        if isinstance(value, type) and issubclass(value, MacCommand) and value is not MacCommand
    )


COMMANDS = list_commands(globals())
