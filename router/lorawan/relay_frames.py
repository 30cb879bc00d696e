"""What a relay carries on FPort 226: another device's frame and how it was heard.

Source: TS011-1.0.0 section 9. Uplink: metadata (3 bytes), frequency (3 bytes), the device's PHYPayload.
Downlink: the PHYPayload for the device, nothing else. Both are encrypted under the relay's network key.
"""

from typing import Annotated

import msgspec

from router.lorawan.bit_fields import BitStruct, Frequency, Negative, Uint
from router.lorawan.errors import MalformedFrame

RELAY_F_PORT = 226


class RelayMetadata(BitStruct, frozen=True, gc=False):
    """How the relay heard the device: ``snr_db`` -20 to 11, ``rssi_dbm`` -142 to -15, ``wor_channel`` 0 or
    1.
    """

    size = 6
    data_rate: Annotated[int, Uint(0, 4)]
    snr_db: Annotated[int, Uint(4, 5, offset=-20)]
    rssi_dbm: Annotated[int, Negative(9, 7, highest=-15)]
    wor_channel: Annotated[int, Uint(16, 2)]
    frequency_hz: Annotated[int, Frequency(24)]


class ForwardUplink(msgspec.Struct, frozen=True):
    """ForwardUplinkReq: ``phy_payload`` as the device sent it."""

    metadata: RelayMetadata
    phy_payload: bytes


def encode_forward_uplink(forward: ForwardUplink) -> bytes:
    """The plaintext FRMPayload. Raises ``InvalidField``."""
    return forward.metadata.encode() + forward.phy_payload


def parse_forward_uplink(frm_payload: bytes) -> ForwardUplink:
    """Raises ``MalformedFrame``; the inner frame is not looked at."""
    if len(frm_payload) <= RelayMetadata.size:
        raise MalformedFrame(
            "forward_uplink_length", f"{len(frm_payload)} bytes; metadata and a frame need 7"
        )
    return ForwardUplink(
        RelayMetadata.decode(frm_payload[: RelayMetadata.size]), frm_payload[RelayMetadata.size :]
    )
