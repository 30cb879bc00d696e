"""The server for packet forwarders: one UDP socket, any number of concentrators by their EUI.

A PUSH_DATA is acknowledged once its packets are durable; all that waits in the socket goes into one commit.
The protocol has no keys: who is let in is decided by EUI, and "any" only on loopback.
Source: Lora-net/packet_forwarder PROTOCOL.TXT; timings and tolerances in radio facts 7.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import sqlite3
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from hardware.lora.modulation import DataRate
from hotspot_host.clock import get_monotonic_us, get_wall_ms
from hotspot_host.forwarder.packets import Crc, Reception
from hotspot_host.forwarder.uplinks import UplinkIntake
from hotspot_host.gwmp.concentrator import SILENT_AFTER_S, Address, Concentrator
from hotspot_host.tally import Tally
from router.lorawan.errors import MalformedFrame
from router.lorawan.gwmp import (
    CrcStatus,
    PullAck,
    PullData,
    PullResp,
    PushAck,
    PushData,
    Rxpk,
    TxAck,
    decode_datagram,
    encode_datagram,
)

#: Datagrams taken out of the socket for one commit.
BATCH_LIMIT = 64
#: Concentrators of one hotspot; with "any" allowed the longest silent one makes room.
CONCENTRATOR_LIMIT = 64
MAX_DATAGRAM_BYTES = 65_536
RECEIVE_BUFFER_BYTES = 1 << 20

_CRC = {CrcStatus.OK: Crc.OK, CrcStatus.BAD: Crc.BAD, CrcStatus.NONE: Crc.MISSING}


@dataclass(frozen=True)
class AllowList:
    """Which gateway EUIs may talk to this hotspot; None allows any."""

    euis: frozenset[bytes] | None

    def allows(self, eui: bytes) -> bool:
        return self.euis is None or eui in self.euis


def parse_allow_list(text: str, host: str) -> AllowList:
    """Read "EUI,EUI,..." or "any". ValueError says what is wrong: "any" is for loopback only."""
    if text.strip().lower() == "any":
        if not is_loopback(host):
            raise ValueError(
                f"--gwmp-allow any on {host}: anybody could feed this hotspot packets; "
                "name the EUIs of your concentrators, or bind to 127.0.0.1"
            )
        return AllowList(None)
    euis = set()
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            eui = bytes.fromhex(part.replace(":", "").replace("-", ""))
        except ValueError:
            eui = b""
        if len(eui) != 8:
            raise ValueError(f"{part!r} is no gateway EUI: write 16 hex digits, as AA555A0000000000")
        euis.add(eui)
    return AllowList(frozenset(euis))


def is_loopback(host: str) -> bool:
    """Whether an address to bind to is reached from this machine only."""
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


class GwmpServer:
    """Bind it, then run it."""

    def __init__(self, intake: UplinkIntake, allow: AllowList, tally: Tally) -> None:
        self._intake = intake
        self._allow = allow
        self._tally = tally
        self._concentrators: dict[bytes, Concentrator] = {}
        self._socket: socket.socket | None = None

    def bind(self, host: str, port: int) -> Address:
        """Take the port (0: a free one); returns what it got. OSError where it is taken."""
        family = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0][0]
        udp = socket.socket(family, socket.SOCK_DGRAM)
        udp.setblocking(False)
        with contextlib.suppress(OSError):
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        try:
            udp.bind((host, port))
        except OSError:
            udp.close()
            raise
        self._socket = udp
        bound: Address = udp.getsockname()[:2]
        return bound

    def get_concentrator(self, eui: bytes) -> Concentrator | None:
        return self._concentrators.get(eui)

    def get_states(self) -> list[dict[str, Any]]:
        """For the status page."""
        return [
            {"eui": eui.hex(), "connected": concentrator.is_connected, "packets": concentrator.packets}
            for eui, concentrator in sorted(self._concentrators.items())
        ]

    async def run(self) -> None:
        """Until cancelled."""
        udp = self._socket
        if udp is None:
            raise RuntimeError("bind the server first")
        loop = asyncio.get_running_loop()
        loop.add_reader(udp, self._drain, udp)
        try:
            while True:
                await asyncio.sleep(SILENT_AFTER_S / 6)
                self._say_silent()
        finally:
            loop.remove_reader(udp)
            udp.close()

    def _drain(self, udp: socket.socket) -> None:
        """Everything that waits in the socket: one commit, then the acknowledgements."""
        receptions: list[Reception] = []
        answers: list[tuple[PushAck | PullAck, Address]] = []
        for _ in range(BATCH_LIMIT):
            try:
                datagram, address = udp.recvfrom(MAX_DATAGRAM_BYTES)
            except BlockingIOError:
                break
            except OSError:
                continue  # an ICMP error of an earlier answer: says nothing about the next datagram
            answer = self._process(datagram, address[:2], receptions)
            if answer is not None:
                answers.append((answer, address))
        if receptions:
            try:
                self._intake.take(receptions)
            except sqlite3.Error as error:
                self._tally.say_change("storage", str(error), f"cannot write to the spool: {error}")
                answers = [answer for answer in answers if isinstance(answer[0], PullAck)]
        for value, address in answers:
            self._send(value, address)

    def _process(
        self, datagram: bytes, address: Address, receptions: list[Reception]
    ) -> PushAck | PullAck | None:
        try:
            value = decode_datagram(datagram)
        except MalformedFrame as error:
            self._tally.drop("gwmp_malformed", f"datagram from {address[0]} dropped: {error}")
            return None
        if not isinstance(value, PushData | PullData | TxAck):
            self._tally.drop(
                "gwmp_direction", f"datagram from {address[0]} dropped: a server's, not a gateway's"
            )
            return None
        if not self._allow.allows(value.gateway_eui):
            text = f"concentrator {value.gateway_eui.hex()} refused: not in --gwmp-allow"
            self._tally.drop("gwmp_not_allowed", text, gateway_eui=value.gateway_eui.hex())
            return None
        concentrator = self._find(value.gateway_eui)
        if isinstance(value, PullData):
            if concentrator.process_pull_data(address):
                self._say_concentrator(concentrator, True)
            return PullAck(token=value.token, version=value.version)
        if isinstance(value, TxAck):
            if not concentrator.take_tx_ack(value):
                self._tally.add("tx_acks_unexpected")
            return None
        self._process_push_data(value, concentrator, receptions)
        return PushAck(token=value.token, version=value.version)

    def _process_push_data(
        self, push: PushData, concentrator: Concentrator, receptions: list[Reception]
    ) -> None:
        concentrator.heard_at_us = get_monotonic_us()
        for text in push.rejected:
            self._tally.drop(
                "rxpk_malformed", f"packet of concentrator {push.gateway_eui.hex()} dropped: {text}"
            )
        for rxpk in push.rxpks:
            concentrator.packets += 1
            if rxpk.tmst_us is not None:
                concentrator.process_tmst(rxpk.tmst_us)
            reception = read_rxpk(push.gateway_eui, rxpk, get_wall_ms())
            if reception is None:
                text = f"packet dropped: {rxpk.data_rate.modulation}, not LoRa"
                self._tally.drop("not_lora", text, gateway_eui=push.gateway_eui.hex())
            else:
                receptions.append(reception)

    def _find(self, eui: bytes) -> Concentrator:
        concentrator = self._concentrators.get(eui)
        if concentrator is None:
            if len(self._concentrators) >= CONCENTRATOR_LIMIT:
                silent = min(self._concentrators.values(), key=lambda known: known.heard_at_us)
                del self._concentrators[silent.eui]
            concentrator = self._concentrators[eui] = Concentrator(eui, self._send)
        return concentrator

    def _send(self, value: PushAck | PullAck | PullResp, address: Address) -> None:
        if self._socket is not None:
            try:
                self._socket.sendto(encode_datagram(value), address)
            except BlockingIOError:
                self._tally.add("gwmp_answers_lost")
            except OSError:
                if isinstance(value, PullResp):
                    raise
                self._tally.add("gwmp_answers_lost")

    def _say_silent(self) -> None:
        for concentrator in self._concentrators.values():
            if concentrator.address is not None and not concentrator.is_connected:
                self._say_concentrator(concentrator, False)

    def _say_concentrator(self, concentrator: Concentrator, is_connected: bool) -> None:
        eui = concentrator.eui.hex()
        self._tally.say_change(
            "concentrator",
            (is_connected, concentrator.address),
            f"concentrator {eui} {'connected' if is_connected else 'silent'}",
            of=eui,
            gateway_eui=eui,
            up=is_connected,
        )


def read_rxpk(eui: bytes, rxpk: Rxpk, now_ms: int) -> Reception | None:
    """A packet as a concentrator reports it; None for what isn't LoRa. Received now, by this host's clock:
    what a concentrator says of the time may be off by years."""
    rate = rxpk.data_rate
    if rate.spreading_factor is None or rate.bandwidth_hz is None:
        return None
    tick = rxpk.tmst_us or 0
    digest = sha256(rxpk.phy_payload).hexdigest()[:16]
    return Reception(
        source_key=f"gwmp:{eui.hex()}:{tick}:{rxpk.frequency_hz}:{digest}",
        payload=rxpk.phy_payload,
        tick=tick,
        frequency_hz=rxpk.frequency_hz,
        data_rate=DataRate(rate.spreading_factor, rate.bandwidth_hz),
        coding_rate=_read_coding_rate(rxpk.coding_rate),
        rssi_dbm=round(_clamp(rxpk.rssi_dbm, 200)),
        snr_db=_clamp(rxpk.snr_db or 0.0, 100),
        crc=_CRC[rxpk.crc],
        received_at_ms=now_ms,
        gateway_eui=eui,
        channel=rxpk.channel,
    )


def _read_coding_rate(text: str | None) -> int:
    """The denominator of 4/x; forwarders also write 2/3 for 4/6 and 1/2 for 4/8."""
    named = {"4/5": 5, "4/6": 6, "2/3": 6, "4/7": 7, "4/8": 8, "1/2": 8, "2/4": 8}
    return named.get(text or "", 5)


def _clamp(value: float, limit: float) -> float:
    """No receiver reports more; what one writes by mistake must not break the message to the router."""
    return max(-limit, min(value, limit))
