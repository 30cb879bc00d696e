"""MAC commands by which a network configures relays and relayed devices (TS011-1.0.0 section 11)."""

from typing import Annotated

from router.lorawan.bit_fields import Flag, Frequency, Negative, Octets, Uint
from router.lorawan.errors import InvalidField, MalformedFrame
from router.lorawan.mac_commands import DOWN, UP, MacCommand, list_commands


class RelayConfReq(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x40, DOWN, 5
    start_stop: Annotated[bool, Flag(13)]
    cad_periodicity: Annotated[int, Uint(10, 3)]
    default_channel_index: Annotated[int, Uint(9, 1)]
    second_channel_index: Annotated[int, Uint(7, 2)]
    second_channel_data_rate: Annotated[int, Uint(3, 4)]
    second_channel_ack_offset: Annotated[int, Uint(0, 3)]
    second_channel_frequency_hz: Annotated[int, Frequency(16)]


class RelayConfAns(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x40, UP, 1
    second_channel_frequency_ack: Annotated[bool, Flag(0)]
    second_channel_ack_offset_ack: Annotated[bool, Flag(1)]
    second_channel_data_rate_ack: Annotated[bool, Flag(2)]
    second_channel_index_ack: Annotated[bool, Flag(3)]
    default_channel_index_ack: Annotated[bool, Flag(4)]
    cad_periodicity_ack: Annotated[bool, Flag(5)]


class EndDeviceConfReq(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x41, DOWN, 6
    relay_mode_activation: Annotated[int, Uint(2, 2)]
    smart_enable_level: Annotated[int, Uint(0, 2)]
    backoff: Annotated[int, Uint(17, 6)]
    second_channel_index: Annotated[int, Uint(15, 2)]
    second_channel_data_rate: Annotated[int, Uint(11, 4)]
    second_channel_ack_offset: Annotated[int, Uint(8, 3)]
    second_channel_frequency_hz: Annotated[int, Frequency(24)]


class EndDeviceConfAns(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x41, UP, 1
    second_channel_frequency_ack: Annotated[bool, Flag(0)]
    second_channel_data_rate_ack: Annotated[bool, Flag(1)]
    second_channel_index_ack: Annotated[bool, Flag(2)]
    backoff_ack: Annotated[bool, Flag(3)]


class FilterListReq(MacCommand, frozen=True, gc=False):
    """The only command of variable length: 2 bytes and 0 to 16 of ``eui`` (JoinEUI, then DevEUI, or their
    beginning).

    ``action``: 0 no rule, 1 forward, 2 filter.
    """

    cid, direction, size = 0x42, DOWN, 2
    filter_index: Annotated[int, Uint(7, 4)]
    action: Annotated[int, Uint(5, 2)]
    eui: bytes = b""

    def encode(self) -> bytes:
        if len(self.eui) > 16:
            raise InvalidField("eui", f"{len(self.eui)} bytes; at most 16 fit")
        bits = Uint(7, 4).pack("filter_index", self.filter_index) | Uint(5, 2).pack("action", self.action)
        return (bits | len(self.eui)).to_bytes(2, "little") + self.eui[::-1]

    @classmethod
    def get_eui_length(cls, data: bytes) -> int:
        """Bytes of ``eui`` by the first octet of the payload."""
        return data[0] & 0x1F

    @classmethod
    def decode(cls, data: bytes) -> "FilterListReq":
        if len(data) < 2 or len(data) != 2 + (length := cls.get_eui_length(data)) or length > 16:
            raise MalformedFrame("payload_length", f"{len(data)} bytes do not fit FilterListReq's own length")
        bits = int.from_bytes(data[:2], "little")
        return cls(filter_index=Uint(7, 4).unpack(bits), action=Uint(5, 2).unpack(bits), eui=data[:1:-1])


class FilterListAns(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x42, UP, 1
    action_ack: Annotated[bool, Flag(0)]
    length_ack: Annotated[bool, Flag(1)]
    combined_rules_ack: Annotated[bool, Flag(2)]


class UpdateUplinkListReq(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x43, DOWN, 26
    uplink_list_index: Annotated[int, Uint(0, 4)]
    bucket_size: Annotated[int, Uint(14, 2)]
    reload_rate: Annotated[int, Uint(8, 6)]
    dev_addr: Annotated[bytes, Octets(16, 4, is_reversed=True)]
    w_f_cnt: Annotated[int, Uint(48, 32)]
    root_wor_s_key: Annotated[bytes, Octets(80, 16)]


class UpdateUplinkListAns(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x43, UP, 0


class CtrlUplinkListReq(MacCommand, frozen=True, gc=False):
    """``action``: 0 read the counter, 1 remove the device."""

    cid, direction, size = 0x44, DOWN, 1
    uplink_list_index: Annotated[int, Uint(0, 4)]
    action: Annotated[int, Uint(4, 1)]


class CtrlUplinkListAns(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x44, UP, 5
    uplink_list_index_ack: Annotated[bool, Flag(0)]
    w_f_cnt: Annotated[int, Uint(8, 32)]


class ConfigureFwdLimitReq(MacCommand, frozen=True, gc=False):
    """Token buckets of a relay: reload rates per hour (127 is no limit), bucket sizes as coded in TS011."""

    cid, direction, size = 0x45, DOWN, 5
    reset_limit_counter: Annotated[int, Uint(28, 2)]
    join_request_reload: Annotated[int, Uint(21, 7)]
    notify_reload: Annotated[int, Uint(14, 7)]
    global_uplink_reload: Annotated[int, Uint(7, 7)]
    overall_reload: Annotated[int, Uint(0, 7)]
    join_request_bucket: Annotated[int, Uint(38, 2)]
    notify_bucket: Annotated[int, Uint(36, 2)]
    global_uplink_bucket: Annotated[int, Uint(34, 2)]
    overall_bucket: Annotated[int, Uint(32, 2)]


class ConfigureFwdLimitAns(MacCommand, frozen=True, gc=False):
    cid, direction, size = 0x45, UP, 0


class NotifyNewEndDeviceReq(MacCommand, frozen=True, gc=False):
    """A relay has heard an unknown device: ``snr_db`` -20 to 11, ``rssi_dbm`` -142 to -15."""

    cid, direction, size = 0x46, UP, 6
    dev_addr: Annotated[bytes, Octets(0, 4, is_reversed=True)]
    snr_db: Annotated[int, Uint(32, 5, offset=-20)]
    rssi_dbm: Annotated[int, Negative(37, 7, highest=-15)]


RELAY_COMMANDS = list_commands(globals())
