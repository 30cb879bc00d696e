"""The router's own MQTT connection: publishes the outbox in order, takes commands; comes back by itself."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import aiomqtt

from router.applications.commands import TOPIC_FILTER, CommandDesk
from router.store.database import Database
from router.store.events import get_unpublished, mark_published
from router.traffic.desk import Desk

BATCH = 64
PUBACK_TIMEOUT_S = 10.0
KEEP_ALIVE_S = 30
BACK_OFF_FIRST_S = 0.2
BACK_OFF_LAST_S = 15.0
#: Commands that wait to be stored; the broker keeps what is not acknowledged and sends it again.
MAX_COMMANDS = 1000


class BrokerUrlError(ValueError):
    """The address of the outside broker cannot be used."""


@dataclass(frozen=True)
class BrokerAddress:
    """Where and as whom to connect."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    has_tls: bool = False

    def __str__(self) -> str:  # without the password
        return f"{self.host}:{self.port}"


def parse_broker_url(url: str) -> BrokerAddress:
    """Read mqtt://[user:password@]host[:port] or mqtts://. Raises BrokerUrlError."""
    parts = urlsplit(url if "://" in url else f"mqtt://{url}")
    if parts.scheme not in ("mqtt", "mqtts", "tcp") or not parts.hostname:
        raise BrokerUrlError(
            f"{url!r} is no MQTT broker: write it like mqtt://host:1883 or mqtts://host:8883"
        )
    try:
        port = parts.port or (8883 if parts.scheme == "mqtts" else 1883)
    except ValueError as error:
        raise BrokerUrlError(f"{url!r}: {error}") from error
    return BrokerAddress(
        host=parts.hostname,
        port=port,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        has_tls=parts.scheme == "mqtts",
    )


class MqttLink:
    """Runs until cancelled. An event is marked as published only after the broker's PUBACK.

    `commands` is None at the embedded broker, which hands commands over itself.
    """

    def __init__(
        self, desk: Desk, commands: CommandDesk | None, address: BrokerAddress, client_id: str,
        may_publish: Callable[[], bool],
    ) -> None:  # fmt: skip
        self._desk = desk
        self._commands = commands
        self._address = address
        self._client_id = client_id
        self._may_publish = may_publish
        self._wake = asyncio.Event()
        self.is_connected = False
        self.published = 0

    def wake(self) -> None:
        """There may be something to publish."""
        self._wake.set()

    async def run(self) -> None:
        back_off_s = BACK_OFF_FIRST_S
        said_down = False
        while True:
            try:
                async with self._connect() as client:
                    # Acknowledged by hand, after the command is in the store: aiomqtt has no word for it yet.
                    client._client.manual_ack_set(True)
                    if self._commands is not None:
                        await client.subscribe(TOPIC_FILTER, qos=1)
                    self.is_connected = True
                    back_off_s, said_down = BACK_OFF_FIRST_S, False
                    self._desk.say("mqtt", f"MQTT broker {self._address} connected", connected=True)
                    await self._serve(client)
            except aiomqtt.MqttError as error:
                if not said_down:
                    text = f"MQTT broker {self._address} not reachable: {error}; events wait in the store"
                    self._desk.say("mqtt", text, connected=False)
                    said_down = True
            finally:
                self.is_connected = False
            await asyncio.sleep(back_off_s)
            back_off_s = min(back_off_s * 2, BACK_OFF_LAST_S)

    def _connect(self) -> aiomqtt.Client:
        return aiomqtt.Client(
            self._address.host,
            self._address.port,
            username=self._address.username,
            password=self._address.password,
            identifier=self._client_id,
            clean_session=False,
            keepalive=KEEP_ALIVE_S,
            timeout=PUBACK_TIMEOUT_S,
            max_queued_incoming_messages=MAX_COMMANDS,
            tls_context=ssl.create_default_context() if self._address.has_tls else None,
        )

    async def _serve(self, client: aiomqtt.Client) -> None:
        tasks = [asyncio.create_task(self._publish(client)), asyncio.create_task(self._listen(client))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _publish(self, client: aiomqtt.Client) -> None:
        database: Database = self._desk.database
        while True:
            self._wake.clear()
            events = get_unpublished(database.read(), BATCH) if self._may_publish() else []
            if not events:
                try:
                    async with asyncio.timeout(1.0):
                        await self._wake.wait()
                except TimeoutError:
                    continue
                continue
            confirmed: list[int] = []
            try:
                for event in events:
                    await client.publish(event.topic, event.payload, qos=1)
                    confirmed.append(event.seq)
            finally:
                if confirmed:
                    with database.transaction("router.outbox") as tx:
                        mark_published(tx, confirmed, self._desk.now_ms())
                    self.published += len(confirmed)

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            payload = (
                message.payload if isinstance(message.payload, bytes) else str(message.payload or "").encode()
            )
            if self._commands is not None:
                self._commands.take_message(str(message.topic), payload)
            client._client.ack(message.mid, message.qos)
