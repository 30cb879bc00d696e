"""The embedded MQTT broker (amqtt, MQTT 3.1.1) for a router that has no other one.

On a loopback address anybody on this machine may connect; elsewhere a password file is required. Sessions
live in memory: what the broker acknowledged but hadn't delivered when the process died is published again
(see `outbox`).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hmac
import ipaddress
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.mqtt.publish import PublishPacket
from amqtt.plugins.base import BaseAuthPlugin, BasePlugin
from pwdlib import PasswordHash
from pwdlib.exceptions import PwdlibError

LISTENER = "default"
MAX_CONNECTIONS = 200
OWN_USER = "hexhaul-router"


class BrokerError(Exception):
    """The embedded broker cannot run so; the message says what to change."""


class DoorKeeper(BaseAuthPlugin):  # type: ignore[misc]
    """Lets in: the router itself; who is in the password file; everybody if there is none (loopback only)."""

    @dataclass
    class Config:
        own_password: str = ""
        users: dict[str, str] | None = None  # name -> hash; None: anybody

    async def authenticate(self, *, session: Any) -> bool:
        password = session.password or ""
        if session.username == OWN_USER:
            return hmac.compare_digest(password, self.config.own_password)
        if self.config.users is None:
            return True
        hashed = self.config.users.get(session.username or "")
        if hashed is None:
            return False
        try:
            return PasswordHash.recommended().verify(password, hashed)
        except PwdlibError:
            return False


class Tap(BasePlugin):  # type: ignore[misc]
    """Takes downlink commands where they come in, so that they are stored before the broker acknowledges
    them; and tells of subscriptions.

    amqtt starts these methods ahead of its own handling of the packet, and they don't pause: PUBACK comes
    after.
    """

    @dataclass
    class Config:
        take: Any = None  # (topic, payload) -> None
        subscriptions_changed: Any = None  # () -> None

    async def on_mqtt_packet_received(self, *, packet: Any, session: Any = None) -> None:
        if isinstance(packet, PublishPacket) and packet.topic_name and "/command/" in packet.topic_name:
            self.config.take(packet.topic_name, bytes(packet.data or b""))

    async def on_broker_client_subscribed(self, **_: Any) -> None:
        self.config.subscriptions_changed()


def read_password_file(path: Path) -> dict[str, str]:
    """`name:hash` lines (argon2, as `hexhaul router mqtt-password` prints). Raises BrokerError."""
    users = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise BrokerError(f"password file {path}: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, hashed = line.strip().partition(":")
        if not colon or not hashed.startswith("$argon2"):
            raise BrokerError(f"password file {path}, line {number}: must be name:hash with an argon2 hash")
        if name == OWN_USER:
            raise BrokerError(f"password file {path}, line {number}: the name {OWN_USER} is the router's own")
        users[name] = hashed
    return users


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class EmbeddedBroker:
    """A broker on our own listening socket, so that port 0 and the number of connections are ours to
    decide.
    """

    def __init__(
        self,
        host: str,
        port: int,
        own_password: str,
        take_command: Callable[[str, bytes], None],
        subscriptions_changed: Callable[[], None],
        password_file: Path | None = None,
    ) -> None:
        if password_file is None and not is_loopback(host):
            raise BrokerError(
                f"MQTT on {host} is open to the network: give --mqtt-password-file, or bind to 127.0.0.1"
            )
        self._host = host
        self._port = port
        users = None if password_file is None else read_password_file(password_file)
        self._config = {
            "listeners": {LISTENER: {"type": "external", "bind": ""}},
            "plugins": {
                "router.applications.broker.DoorKeeper": {"own_password": own_password, "users": users},
                "router.applications.broker.Tap": {
                    "take": take_command,
                    "subscriptions_changed": subscriptions_changed,
                },
            },
        }
        self._broker: Any = None
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Listen; returns the port. Raises OSError (naming it) if it is taken."""
        logging.getLogger("amqtt").setLevel(logging.CRITICAL)
        logging.getLogger("transitions").setLevel(logging.CRITICAL)
        self._broker = Broker(self._config)
        await self._broker.start()
        try:
            self._server = await asyncio.start_server(self._connected, self._host, self._port)
        except OSError as error:
            await self.stop()
            reason = "Address already in use" if error.errno == errno.EADDRINUSE else error.strerror
            raise OSError(
                f"cannot listen on {self._host}:{self._port}: {reason}; choose another with --mqtt"
            ) from error
        address = self._server.sockets[0].getsockname()
        return int(address[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        if self._broker is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._broker.shutdown()

    def count_subscriptions(self) -> int:
        """How many subscriptions others than the router have, of clients that are connected."""
        subscriptions = self._broker.subscriptions.values()
        listed = [session for entries in subscriptions for session, _ in entries]
        return sum(s.username != OWN_USER and s.transitions.state == "connected" for s in listed)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= MAX_CONNECTIONS:
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        with contextlib.suppress(OSError):
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await self._broker.external_connected(
                StreamReaderAdapter(reader), StreamWriterAdapter(writer), LISTENER
            )
        except (OSError, asyncio.IncompleteReadError):
            logging.getLogger(__name__).debug("an MQTT client went away while it was being served")
        finally:
            self._connections.discard(task)
            writer.close()
