"""The ether's process: nodes connect to a unix socket, say what they radiate, and are told what arrives at
them.

JSON lines. A node says `hello` (node, optional gain_dbi, lat, lng, alt_m) and then `transmit` (emission),
`cut` (emission_id, at_us) and `set_position` (node, lat, lng, alt_m) of itself; it is told `signal`
(emission, transmitter, rssi_cdbm, cut_us). A connection without hello is a control: `set_position` of any
node, `set_extra_loss` (extra_loss_db) and `stats`, each answered by `ok`, `stats` or `error`.

State: the configuration file. What a control changes is written back into it (durably, before the answer),
so it outlives a kill; where a node says it is, it says again when it reconnects. Frames on the air during a
kill are lost.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal as signals
import socket
import sys
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from hardware.lora.modulation import compute_noise_floor_cdbm, get_required_snr_ddb
from hardware.virtual.ether.emission import Emission
from hardware.virtual.ether.terrain import ConfigError, Place, load_terrain, read_place, to_json
from hardware.virtual.event_lines import EventLines

#: Weaker signals neither are received nor disturb: 20 dB under the noise of 7.8 kHz and below any SF12.
FLOOR_CDBM = -15_000

#: Longest line; bytes that may wait for a node before it is dropped; emissions a node may still cut.
LINE_LIMIT = 8_192
WAITING_LIMIT = 1_048_576
CUT_MEMORY = 4

NAME_LIMIT = 64


@dataclass
class Node:
    """A connected node and what it has sent."""

    name: str
    writer: asyncio.StreamWriter
    transmissions: int = 0
    airtime_us: int = 0
    recent: deque[Emission] = field(default_factory=lambda: deque(maxlen=CUT_MEMORY))


class Refused(ValueError):
    """A message that can't be served; the text goes back to its sender."""


class EtherServer:
    """The medium between the connected nodes."""

    def __init__(self, config_path: Path, log_path: Path | None, events: EventLines) -> None:
        """Raises ConfigError for an unusable configuration, OSError for an unwritable log."""
        self._config_path = config_path
        self.terrain = load_terrain(config_path)
        self._events = events
        self._log: IO[str] | None = None
        if log_path is not None:
            self._log = log_path.open("a", encoding="utf-8")
        self._nodes: dict[str, Node] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._transmissions = 0
        self._signals = 0

    async def serve(self, path: Path, stop: asyncio.Event) -> None:
        """Serve on the socket until `stop`. Raises ConfigError if another ether is at work there."""
        _clear_socket(path)
        server = await asyncio.start_unix_server(self._accept, path, limit=LINE_LIMIT)
        try:
            os.chmod(path, 0o600)  # noqa: PTH101 - the path of a socket
            self._events.say(
                "ready", f"ether serves {len(self.terrain.nodes)} places at {path}", socket=str(path)
            )
            await stop.wait()
        finally:
            server.close()
            for node in self._nodes.values():
                node.writer.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            path.unlink(missing_ok=True)
            if self._log is not None:
                self._log.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._converse(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        node: Node | None = None
        try:
            while line := await reader.readline():
                try:
                    message = _read_message(line)
                    if message["type"] == "hello":
                        node = self._join(message, writer)
                    else:
                        self._process(message, node, writer)
                except (Refused, ConfigError) as error:
                    self._send(writer, {"type": "error", "text": str(error)})
        # readline raises ValueError for a line beyond the limit.
        except (ValueError, ConnectionError) as error:
            name = "a control" if node is None else node.name
            self._events.say("connection_dropped", f"{name} was dropped: {error}", node=name)
        finally:
            writer.close()
            if node is not None and self._nodes.get(node.name) is node:
                del self._nodes[node.name]
                self._events.say("node_left", f"{node.name} left the air", node=node.name)

    def _join(self, message: dict[str, Any], writer: asyncio.StreamWriter) -> Node:
        name = message.get("node")
        if not isinstance(name, str) or not 0 < len(name) <= NAME_LIMIT:
            raise Refused(f"hello wants a node's name of 1..{NAME_LIMIT} characters")
        self._place(name, {key: value for key, value in message.items() if key not in ("type", "node")})
        before = self._nodes.get(name)
        if before is not None:  # a board restarted before its old connection was seen to end
            before.writer.close()
        node = self._nodes[name] = Node(name, writer)
        self._events.say("node_joined", f"{name} is on the air", node=name)
        return node

    def _place(self, name: str, changes: dict[str, Any]) -> None:
        """Move a node, known or new; what isn't said stays."""
        known = self.terrain.nodes.get(name)
        if known is None and not changes:
            return  # it can't be heard before it says where it is
        if known is None and not {"lat", "lng"} <= changes.keys():
            raise Refused(f"node {name!r} isn't in the configuration: it must say lat and lng")
        values = {} if known is None else {key: getattr(known, key) for key in Place.__slots__}
        self.terrain = self.terrain.with_node(name, read_place({**values, **changes}, name))

    def _process(self, message: dict[str, Any], node: Node | None, writer: asyncio.StreamWriter) -> None:
        kind = message["type"]
        if kind == "transmit":
            self._transmit(message, node)
        elif kind == "cut":
            self._cut(message, node)
        elif kind == "set_position":
            changes: dict[str, Any] = {key: message[key] for key in ("lat", "lng", "alt_m") if key in message}
            name = message.get("node")
            if not isinstance(name, str) or not changes:
                raise Refused("set_position wants node, lat, lng and, if it changes, alt_m")
            self._place(name, changes)
            if node is None or name != node.name:
                self._save()
                self._events.say("node_moved", f"{name} was moved", node=name, **changes)
                self._send(writer, {"type": "ok"})
        elif kind == "set_extra_loss":
            loss_db = message.get("extra_loss_db")
            if not isinstance(loss_db, int | float) or isinstance(loss_db, bool) or not 0 <= loss_db <= 1000:
                raise Refused(f"extra_loss_db is {str(loss_db)[:40]!r}, not a number of dB from 0 to 1000")
            self.terrain = self.terrain.with_extra_loss(float(loss_db))
            self._save()
            self._events.say("extra_loss", f"path loss raised by {loss_db} dB", extra_loss_db=loss_db)
            self._send(writer, {"type": "ok"})
        elif kind == "stats":
            self._send(writer, self._get_stats())
        else:
            raise Refused(f"unknown message {str(kind)[:40]!r}")

    def _transmit(self, message: dict[str, Any], node: Node | None) -> None:
        if node is None:
            raise Refused("only a node transmits: say hello first")
        try:
            emission = Emission.from_json(message.get("emission") or {})
        except (ValueError, TypeError, AttributeError) as error:
            raise Refused(str(error)) from None
        node.recent.append(emission)
        node.transmissions += 1
        node.airtime_us += emission.time_on_air_us
        self._transmissions += 1
        receivers = self._deliver(node, emission, None)
        self._write_log(node, emission, receivers)

    def _cut(self, message: dict[str, Any], node: Node | None) -> None:
        if node is None:
            raise Refused("only a node cuts its transmission: say hello first")
        for emission in node.recent:
            if emission.emission_id == message.get("emission_id"):
                at_us = message.get("at_us")
                if type(at_us) is not int:
                    raise Refused("cut wants at_us, an integer")
                node.airtime_us -= emission.end_us - min(max(at_us, emission.start_us), emission.end_us)
                self._deliver(node, emission, at_us)
                return
        raise Refused("cut of an emission that isn't on the air")

    def _deliver(self, node: Node, emission: Emission, cut_us: int | None) -> dict[str, int]:
        """Tell everybody who can hear it; returns the strength at each of them."""
        if node.name not in self.terrain.nodes:
            raise Refused(f"node {node.name!r} has no place: send set_position before it transmits")
        heard: dict[str, int] = {}
        encoded = emission.to_json()
        for name, other in self._nodes.items():
            if other is node or name not in self.terrain.nodes:
                continue
            rssi_cdbm = self.terrain.compute_rssi_cdbm(emission, node.name, name)
            if rssi_cdbm >= FLOOR_CDBM:
                heard[name] = rssi_cdbm
                self._signals += 1
                message = {
                    "type": "signal",
                    "transmitter": node.name,
                    "rssi_cdbm": rssi_cdbm,
                    "cut_us": cut_us,
                    "emission": encoded,
                }
                self._send(other.writer, message)
        return heard

    def _send(self, writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
        if writer.is_closing():
            return
        if writer.transport.get_write_buffer_size() > WAITING_LIMIT:
            writer.transport.abort()  # it reads nothing any more; its connection ends, and it may come again
            return
        writer.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    def _write_log(self, node: Node, emission: Emission, heard: dict[str, int]) -> None:
        if self._log is None:
            return
        floor_cdbm = compute_noise_floor_cdbm(emission.bandwidth_hz)
        needed_cdb = get_required_snr_ddb(emission.spreading_factor) * 10
        receivers = [
            {
                "node": name,
                "rssi_cdbm": rssi_cdbm,
                "snr_cdb": rssi_cdbm - floor_cdbm,
                "is_audible": rssi_cdbm - floor_cdbm >= needed_cdb,
            }
            for name, rssi_cdbm in sorted(heard.items())
        ]
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "node": node.name,
            "at_us": emission.start_us,
            "time_on_air_us": emission.time_on_air_us,
            "frequency_hz": emission.frequency_hz,
            "spreading_factor": emission.spreading_factor,
            "bandwidth_hz": emission.bandwidth_hz,
            "invert_iq": emission.invert_iq,
            "power_cdbm": emission.power_cdbm,
            "payload_bytes": len(emission.payload),
            "receivers": receivers,
        }
        try:
            self._log.write(json.dumps(line, separators=(",", ":")) + "\n")
            self._log.flush()
        except OSError as error:
            self._events.say("log_lost", f"the log of transmissions ends: {error.strerror}")
            self._log = None

    def _save(self) -> None:
        """Write the configuration back: whole, synced, and only then in the old one's place."""
        temporary = self._config_path.with_name(self._config_path.name + ".new")
        try:
            with temporary.open("w", encoding="utf-8") as file:
                json.dump(to_json(self.terrain), file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._config_path)
            folder = os.open(self._config_path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            where = f"{self._config_path}: {error.strerror}"
            raise Refused(f"the change holds, but only until the ether ends: {where}") from None

    def _get_stats(self) -> dict[str, Any]:
        return {
            "type": "stats",
            "transmissions": self._transmissions,
            "signals": self._signals,
            "extra_loss_db": self.terrain.propagation.extra_loss_db,
            "nodes": {
                name: {
                    "lat": place.lat,
                    "lng": place.lng,
                    "alt_m": place.alt_m,
                    "is_connected": name in self._nodes,
                    "transmissions": self._nodes[name].transmissions if name in self._nodes else 0,
                    "airtime_us": self._nodes[name].airtime_us if name in self._nodes else 0,
                }
                for name, place in self.terrain.nodes.items()
            },
        }


def _read_message(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise Refused("a line that is no JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise Refused('a line that is no object with a "type"')
    return message


def _clear_socket(path: Path) -> None:
    """Remove a socket that a killed ether left behind; refuse one that is served."""
    if not path.exists():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise ConfigError(f"an ether is at work at {path} already: stop it or choose another --socket")


async def main_async(socket_path: Path, config: Path, log: Path | None, as_json: bool) -> None:
    """The process: serves until SIGTERM or SIGINT. Exits with 1 and one line on stderr if it can't."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signals.SIGTERM, signals.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await EtherServer(config, log, EventLines("ether", "ether", as_json)).serve(socket_path, stop)
    except ConfigError as error:
        print(f"ether: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except OSError as error:
        print(f"ether: {error.filename or socket_path}: {error.strerror}", file=sys.stderr)
        raise SystemExit(1) from None
