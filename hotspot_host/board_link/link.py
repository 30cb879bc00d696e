"""BoardLink: one board, kept connected and configured.

States: down (looking for the board) and up. Going down fails every request in flight with ``LinkDown``;
coming up pushes the receive config again. The board keeps packets until they are acknowledged, so neither a
restart of the host nor a pulled cable loses one that the board's ring could hold.
"""

import asyncio
import contextlib
import logging
import random
import struct
import time
from collections.abc import AsyncIterator
from types import TracebackType

from firmware import link as frames
from hardware.lora.airtime import compute_time_on_air_us
from hotspot_host.board_link import messages
from hotspot_host.board_link.inbox import Inbox
from hotspot_host.board_link.requests import RETRY_S, Requests
from hotspot_host.board_link.serial_port import Connect, Transport, make_serial_connect
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

_LOGGER = logging.getLogger(__name__)

#: 115200 baud needs 47 ms for the longest frame: too slow beside RX1 deadlines and GPS chatter; CP210x and
#: CH340 do 460800.
FAST_BAUD = 460_800
_KEEPALIVE_S = 2.0
_RECONNECT_S = (0.1, 0.2, 0.5, 1.0, 2.0)
#: Unanswered hellos after which the board may be sitting in its REPL and is asked to start anew. Later than
#: the board's own hello timeout: a Ctrl-C before that is ignored, one to a healthy board that merely boots
#: would cost its ring.
_NUDGE_AFTER_S = 12.0
_EVENT_QUEUE = 32
#: The board refuses transmissions further ahead.
_MOST_AHEAD_US = 120_000_000
#: What MicroPython's REPL makes of it: leave raw mode, drop the line typed, restart main.py.
_REPL_RESTART = b"\r\x02\x03\x03\x04"


class BoardLink:
    """The link to one board. Make it with ``await BoardLink.open(port)``; close it with ``await close()``."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._transport: Transport | None = None
        self._reader = frames.FrameReader(self._process_frame, self._process_text)
        self._requests = Requests(self._send)
        self._console_line = bytearray()
        self._hello: Hello | None = None
        self._session = 0
        self._baud = frames.BASE_BAUD
        self._fast_baud = FAST_BAUD
        self._config: ReceiveConfig | None = None
        self._is_up = asyncio.Event()
        self._lost: asyncio.Future[str] | None = None
        self._inbox = Inbox(self._send_acknowledge)
        self._events: asyncio.Queue[LinkEvent] = asyncio.Queue(_EVENT_QUEUE)
        self._fix: TickFix | None = None
        self._problem = "not connected yet"
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, port: str, *, timeout_s: float | None = 10.0) -> "BoardLink":
        """A link to the board at ``port`` (a device path), once it answers.

        ``timeout_s`` None waits for ever, 0 returns at once with the link still down; otherwise
        ``LinkDown`` says why no board answered in that time.
        """
        return await cls.open_over(make_serial_connect(port), timeout_s=timeout_s)

    @classmethod
    async def open_over(cls, connect: Connect, *, timeout_s: float | None = 10.0) -> "BoardLink":
        """As ``open``, over any transport."""
        link = cls(connect)
        link._task = asyncio.get_running_loop().create_task(link._run(), name="board link")
        if timeout_s == 0:
            return link
        try:
            async with asyncio.timeout(timeout_s):
                await link._is_up.wait()
        except TimeoutError:
            problem = link._problem
            await link.close()
            raise LinkDown(f"no board answers: {problem}") from None
        return link

    async def close(self) -> None:
        """Let go of the port; requests in flight fail. The board goes on receiving into its ring."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        self._disconnect("closed")

    async def __aenter__(self) -> "BoardLink":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def is_up(self) -> bool:
        return self._is_up.is_set()

    async def wait_up(self) -> None:
        """Return once the link is up."""
        await self._is_up.wait()

    @property
    def hello(self) -> Hello:
        """The board's last hello; ``LinkDown`` before the first."""
        if self._hello is None:
            raise LinkDown(self._problem)
        return self._hello

    async def configure(self, config: ReceiveConfig) -> None:
        """Make ``config`` the home config, now and after every reconnect. While down: ``LinkDown``, but
        remembered.
        """
        self._config = config
        self._check_up()
        await self._push(config)

    async def listen(self, window: ListenWindow) -> None:
        """Have the board listen elsewhere for a while. ``RequestRefused``: too_late, too_early, collision,
        invalid.
        """
        self._check_up()
        answer = await self._requests.ask(frames.LISTEN, messages.pack_window(window))
        messages.check_result(answer, f"listen window {window}")

    async def transmit(self, request: TransmitRequest) -> TransmitResult:
        """Transmit; returns when it is over. ``TransmitRefused`` says why not; ``LinkDown``: unknown
        whether it was.
        """
        if not 1 <= len(request.payload) <= frames.MAX_RADIO_PAYLOAD:
            raise TransmitRefused("invalid", f"{len(request.payload)} bytes to send; a frame has 1 to 255")
        try:
            answer_within_s = self._compute_answer_time_s(request)
            payload = messages.pack_transmit(request)
        except (ValueError, struct.error) as error:
            raise TransmitRefused("invalid", f"{request} can't be transmitted: {error}") from None
        self._check_up()
        answer = await self._requests.ask_slowly(frames.TRANSMIT, payload, answer_within_s)
        return messages.read_transmit_answer(answer, request)

    async def tick_now(self) -> TickFix:
        """The board's tick against this host's monotonic clock: the quickest of three exchanges."""
        self._check_up()
        return await self._fix_tick()

    async def _fix_tick(self) -> TickFix:
        best: TickFix | None = None
        for _ in range(3):
            before = time.monotonic_ns() // 1000
            answer = await self._requests.ask(frames.TIME)
            after = time.monotonic_ns() // 1000
            fix = TickFix(messages.read_tick(answer), (before + after) // 2, (after - before + 1) // 2)
            if best is None or fix.error_us < best.error_us:
                best = fix
        assert best is not None
        self._fix = best
        return best

    async def status(self) -> BoardStatus:
        """The board's counters."""
        self._check_up()
        return messages.read_status(await self._requests.ask(frames.STATUS))

    async def reboot(self) -> None:
        """Restart the board; the link goes down and comes up again by itself. Its ring of packets is lost."""
        self._check_up()
        messages.check_result(await self._requests.ask(frames.REBOOT), "reboot")
        self._process_lost("the board is rebooting")

    async def packets(self) -> AsyncIterator[ReceivedPacket]:
        """Packets from the air as they come, for one consumer. Acknowledge each once it is safe."""
        while True:
            yield await self._inbox.get()

    async def acknowledge(self, packet_id: int) -> None:
        """The packet is safe: the board forgets it. While down it is remembered for when the board offers
        it again.
        """
        self._inbox.acknowledge(packet_id)

    async def events(self) -> AsyncIterator[LinkEvent]:
        """Changes of the link, for one consumer; of those not fetched, the oldest are dropped beyond 32."""
        while True:
            yield await self._events.get()

    # Connecting

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                self._lost = asyncio.get_running_loop().create_future()
                self._transport = self._connect(frames.BASE_BAUD, self._reader_feed, self._process_lost)
                self._baud = frames.BASE_BAUD
                self._reader.reset()
                await self._say_hello()
                failures = 0
                await self._stay()
            except (OSError, BoardError) as error:
                text = str(error)
            except Exception as error:  # a bug here must not leave a hotspot without its radio
                _LOGGER.exception("board link")
                text = f"internal error: {error}"
            if text != self._problem:
                _LOGGER.info("board link down: %s", text)
            self._disconnect(text)
            await asyncio.sleep(_RECONNECT_S[min(failures, len(_RECONNECT_S) - 1)])
            failures += 1

    def _disconnect(self, text: str) -> None:
        self._problem = text
        self._inbox.boot_id = -1
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        if self.is_up:
            self._is_up.clear()
            self._tell(LinkEvent(False, text))
        self._requests.fail_all(f"board link down: {text}")

    async def _say_hello(self) -> None:
        """Find the board at whichever speed it is; return with the link up."""
        self._session = random.getrandbits(32)
        began = time.monotonic()
        nudge_at = began + _NUDGE_AFTER_S
        while True:
            try:
                hello = await self._exchange_hello()
                break
            except LinkDown:
                self._check_lost()
                self._problem = "it does not answer"
            if time.monotonic() > nudge_at:
                nudge_at = time.monotonic() + _NUDGE_AFTER_S
                self._set_baud(frames.BASE_BAUD)
                self._send(_REPL_RESTART)
            elif self._fast_baud != frames.BASE_BAUD:
                fast = self._baud == frames.BASE_BAUD
                self._set_baud(self._fast_baud if fast else frames.BASE_BAUD)
        if hello.capabilities & frames.CAN_CHANGE_BAUD and self._baud != self._fast_baud:
            self._set_baud(self._fast_baud)  # the board has gone there after its answer
            try:
                hello = await self._exchange_hello(tries=3)
            except LinkDown:
                self._check_lost()
                self._fast_baud = frames.BASE_BAUD
                raise LinkDown(f"no answer at {FAST_BAUD} baud; staying at {frames.BASE_BAUD}") from None
        await self._come_up(hello)

    async def _come_up(self, hello: Hello) -> None:
        rebooted = self._hello is not None and self._hello.boot_id != hello.boot_id
        self._hello = hello
        self._fix = None
        if self._config is not None:
            try:
                await self._push(self._config)
            except RequestRefused as error:
                # A radio that fails is no reason to lose the link that says so; the board keeps the config
                # for later.
                _LOGGER.warning("%s", error)
        await self._fix_tick()
        text = f"{hello.board} with {hello.radio}, firmware {hello.firmware_version}"
        _LOGGER.info("board link up: %s", text)
        self._problem = ""
        self._is_up.set()
        self._tell(LinkEvent(True, text, rebooted))

    async def _stay(self) -> None:
        """Keep the board awake with hellos; raise when the link is lost or the board has rebooted."""
        assert self._lost is not None and self._hello is not None
        while True:
            await asyncio.wait((self._lost,), timeout=_KEEPALIVE_S)
            self._check_lost()
            hello = await self._exchange_hello(tries=5)
            if hello.boot_id != self._hello.boot_id:
                raise LinkDown("the board has rebooted")
            self._hello = hello

    async def _exchange_hello(self, tries: int = 1) -> Hello:
        payload = frames.pack_hello(frames.VERSION, self._session, self._fast_baud)
        answer = await self._requests.ask(frames.HELLO, payload, tries)
        return messages.read_hello(answer)

    async def _push(self, config: ReceiveConfig) -> None:
        answer = await self._requests.ask(frames.CONFIGURE, messages.pack_config(config))
        messages.check_result(answer, f"{config}")

    def _set_baud(self, baud: int) -> None:
        if baud != self._baud and self._transport is not None:
            self._transport.set_baud(baud)
            self._baud = baud

    def _check_lost(self) -> None:
        if self._lost is not None and self._lost.done():
            raise LinkDown(self._lost.result())

    def _tell(self, event: LinkEvent) -> None:
        if self._events.full():
            self._events.get_nowait()
        self._events.put_nowait(event)

    # Requests

    def _check_up(self) -> None:
        if not self.is_up:
            raise LinkDown(f"board link down: {self._problem}")

    def _compute_answer_time_s(self, request: TransmitRequest) -> float:
        ahead_us = 0
        if request.tick is not None and self._fix is not None:
            now = self._fix.tick + time.monotonic_ns() // 1000 - self._fix.host_monotonic_us
            ahead_us = max((request.tick - now + 2**31) % 2**32 - 2**31, 0)
        air_us = compute_time_on_air_us(
            len(request.payload),
            request.spreading_factor,
            request.bandwidth_hz,
            request.coding_rate,
            request.preamble_symbols,
        )
        return (min(ahead_us, _MOST_AHEAD_US) + air_us) / 1e6 + RETRY_S

    def _send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    # What comes from the board

    def _reader_feed(self, data: bytes) -> None:
        self._reader.feed(data, len(data))

    def _process_lost(self, text: str) -> None:
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(text)
        self._requests.fail_all(f"board link down: {text}")

    def _process_frame(self, frame_type: int, sequence: int, buffer: bytearray, start: int, end: int) -> None:
        payload = bytes(buffer[start:end])
        if frame_type == frames.HELLO + frames.ANSWER:
            # At once, not when whoever asked wakes up: packets of another boot may follow in the same breath.
            with contextlib.suppress(frames.LinkError):
                self._inbox.boot_id = frames.unpack_hello_answer(payload, 0, len(payload))[2]
        if frame_type == frames.PACKET:
            self._inbox.process(payload)
        elif not self._requests.process_frame(frame_type, sequence, payload):
            _LOGGER.debug("frame %#04x answers nothing that is asked", frame_type)

    def _send_acknowledge(self, number: int) -> None:
        self._send(frames.encode(frames.ACKNOWLEDGE, 0, frames.pack_number(number)))

    def _process_text(self, byte: int) -> None:
        if byte in b"\r\n" or len(self._console_line) >= 200:
            if self._console_line:
                _LOGGER.debug("board says: %s", self._console_line.decode("utf-8", "replace"))
            self._console_line.clear()
        else:
            self._console_line.append(byte)
