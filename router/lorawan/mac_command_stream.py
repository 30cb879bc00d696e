"""MAC commands in a row, as FOpts or as FRMPayload of port 0 carry them.

A CID that is not known ends the reading, since its length is not known either (LoRaWAN 1.0.4 section 5);
what came before counts.
"""

from collections.abc import Iterable

import msgspec

from router.lorawan.errors import MalformedFrame
from router.lorawan.frames import Direction
from router.lorawan.mac_commands import COMMANDS, MacCommand
from router.lorawan.relay_mac_commands import RELAY_COMMANDS, FilterListReq

COMMAND_BY_CID = {(cls.direction, cls.cid): cls for cls in (*COMMANDS, *RELAY_COMMANDS)}
COMMAND_BY_NAME = {cls.__name__: cls for cls in COMMAND_BY_CID.values()}


class MacCommands(msgspec.Struct, frozen=True):
    """``unread`` is empty, or starts at the first command that is unknown or cut short."""

    commands: tuple[MacCommand, ...]
    unread: bytes = b""


def encode_mac_command(command: MacCommand) -> bytes:
    """CID and payload. Raises ``InvalidField``."""
    return bytes((command.cid,)) + command.encode()


def encode_mac_commands(commands: Iterable[MacCommand]) -> bytes:
    """Several commands in their order."""
    return b"".join(encode_mac_command(command) for command in commands)


def decode_mac_command(data: bytes, direction: Direction) -> MacCommand:
    """Exactly one command. Raises ``MalformedFrame``."""
    read = parse_mac_commands(data, direction)
    if len(read.commands) != 1 or read.unread:
        raise MalformedFrame("mac_command", f"{data.hex() or 'nothing'} is not one {direction.name} command")
    return read.commands[0]


def parse_mac_commands(data: bytes, direction: Direction) -> MacCommands:
    """All commands that can be read; raises nothing."""
    commands = []
    position = 0
    while position < len(data):
        cls = COMMAND_BY_CID.get((direction, data[position]))
        if cls is None:
            break
        start = position + 1
        end = start + cls.size
        if cls is FilterListReq and start < len(data):
            end += FilterListReq.get_eui_length(data[start:])
        if end > len(data):
            break
        try:
            commands.append(cls.decode(data[start:end]))
        except MalformedFrame:
            break
        position = end
    return MacCommands(tuple(commands), data[position:])
