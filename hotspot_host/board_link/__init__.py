"""The host's end of the link to the board: a radio with exact timestamps behind a serial port.

``BoardLink`` connects, reconnects and keeps the board configured; ``values`` are what goes in and out of
it; ``serial_port`` is the only file that touches a port. The frames are ``firmware.link``'s. Knows no
LoRaWAN and no chain.
"""

from hotspot_host.board_link.link import BoardLink
from hotspot_host.board_link.values import (
    BoardError,
    BoardStatus,
    Hello,
    LinkDown,
    LinkEvent,
    ListenWindow,
    ReceiveConfig,
    ReceivedPacket,
    RequestRefused,
    TickFix,
    TransmitRefused,
    TransmitRequest,
    TransmitResult,
)

__all__ = [
    "BoardError",
    "BoardLink",
    "BoardStatus",
    "Hello",
    "LinkDown",
    "LinkEvent",
    "ListenWindow",
    "ReceiveConfig",
    "ReceivedPacket",
    "RequestRefused",
    "TickFix",
    "TransmitRefused",
    "TransmitRequest",
    "TransmitResult",
]
