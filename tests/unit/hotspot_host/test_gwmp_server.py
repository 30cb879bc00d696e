"""Packet forwarders over real UDP."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.lora.modulation import DataRate
from hotspot_host.forwarder.radio import Downlink, RadioRefused
from hotspot_host.gwmp import concentrator as concentrator_module
from hotspot_host.gwmp.server import AllowList, GwmpServer, parse_allow_list, read_rxpk
from router.lorawan.errors import MalformedFrame
from router.lorawan.gwmp import PushData, decode_datagram

from .conftest import Parts, make_data_frame
from .fakes import wait_for

EUI = bytes.fromhex("aa555a0000000101")
OTHER_EUI = bytes.fromhex("aa555a0000000202")
RATE = DataRate(7, 125_000)


class Gateway:
    """The other end: blunt datagrams."""

    def __init__(self, port: int, eui: bytes = EUI) -> None:
        self.eui = eui
        self.port = port
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.udp.setblocking(False)

    def send(self, kind: int, token: int, body: bytes = b"") -> None:
        head = bytes((2,)) + token.to_bytes(2, "little") + bytes((kind,))
        self.udp.sendto(head + self.eui + body, ("127.0.0.1", self.port))

    def push(self, token: int, *rxpks: dict[str, Any]) -> None:
        self.send(0, token, json.dumps({"rxpk": list(rxpks)}).encode())

    async def receive(self) -> bytes:
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.udp, 65536), 5)

    async def hears_nothing(self) -> bool:
        try:
            await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.udp, 65536), 0.2)
        except TimeoutError:
            return True
        return False


def make_rxpk(payload: bytes, **changes: Any) -> dict[str, Any]:
    import base64

    return {
        "tmst": 1_000_000,
        "freq": 868.1,
        "chan": 2,
        "stat": 1,
        "modu": "LORA",
        "datr": "SF7BW125",
        "codr": "4/5",
        "rssi": -57,
        "lsnr": 8.2,
        "size": len(payload),
        "data": base64.b64encode(payload).decode().rstrip("="),
        **changes,
    }


@asynccontextmanager
async def running_server(
    parts: Parts, allow: AllowList | None = None
) -> AsyncIterator[tuple[GwmpServer, int]]:
    server = GwmpServer(parts.intake, allow or AllowList(None), parts.tally)
    _, port = server.bind("127.0.0.1", 0)
    task = asyncio.create_task(server.run())
    try:
        yield server, port
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_push_data_is_spooled_then_acknowledged(parts: Parts) -> None:
    async with running_server(parts) as (_, port):
        gateway = Gateway(port)
        gateway.push(0x1234, make_rxpk(make_data_frame(1)), make_rxpk(make_data_frame(2), tmst=2_000_000))
        assert await gateway.receive() == bytes.fromhex("02341201")
        packets = [packet.parse() for packet in parts.spool.read_after(0, 10)]
        assert [packet.payload for packet in packets] == [make_data_frame(1), make_data_frame(2)]
        first = packets[0]
        assert (first.gateway_eui, first.timestamp, first.frequency) == (EUI, 1_000_000, 868_100_000)
        assert (first.rssi, round(first.snr, 1), first.channel, first.coding_rate) == (-57, 8.2, 2, 5)
        assert first.gateway == parts.key.public_key.binary


async def test_bad_packets_are_dropped_with_their_reason_and_the_rest_goes_on(parts: Parts) -> None:
    async with running_server(parts) as (_, port):
        gateway = Gateway(port)
        good = make_data_frame(1)
        gateway.push(
            7,
            make_rxpk(good, stat=-1),
            make_rxpk(good, stat=0),
            make_rxpk(good, datr=50000, modu="FSK"),
            make_rxpk(b"\x40\x01"),
            make_rxpk(good, data="!!!"),
            make_rxpk(good),
        )
        assert (await gateway.receive())[3] == 1
        assert len(parts.spool) == 1
        assert parts.drops == {
            "crc_bad": 1, "crc_missing": 1, "not_lora": 1, "malformed": 1, "rxpk_malformed": 1
        }  # fmt: skip
        assert parts.said.getvalue().count("CRC is wrong") == 1


async def test_an_impossible_signal_does_not_stop_a_packet(parts: Parts) -> None:
    async with running_server(parts) as (_, port):
        gateway = Gateway(port)
        gateway.push(7, make_rxpk(make_data_frame(1), rssi=-1e15, lsnr=1e10))
        assert (await gateway.receive())[3] == 1
        packet = parts.spool.read_after(0, 1)[0].parse()
        assert (packet.rssi, packet.snr) == (-200, 100)


async def test_gateways_that_are_not_allowed_get_no_answer(parts: Parts) -> None:
    async with running_server(parts, AllowList(frozenset({EUI}))) as (_, port):
        stranger = Gateway(port, OTHER_EUI)
        stranger.push(1, make_rxpk(make_data_frame(1)))
        stranger.send(2, 2)
        assert await stranger.hears_nothing()
        gateway = Gateway(port)
        gateway.push(3, make_rxpk(make_data_frame(2)))
        assert (await gateway.receive())[3] == 1
        assert len(parts.spool) == 1 and parts.drops == {"gwmp_not_allowed": 2}


async def test_garbage_is_counted_and_the_server_lives(parts: Parts) -> None:
    async with running_server(parts) as (_, port):
        gateway = Gateway(port)
        for datagram in (b"", b"\x02", b"\x09aaa", b"\x02aa\x00short", bytes.fromhex("02341201")):
            gateway.udp.sendto(datagram, ("127.0.0.1", port))
        gateway.send(0, 5, b"{not json")
        gateway.send(2, 6)
        assert await gateway.receive() == bytes.fromhex("02060004")
        assert parts.drops["gwmp_malformed"] == 5 and parts.drops["gwmp_direction"] == 1


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=64), st.sampled_from([b"", b'{"rxpk":[{}]}', b'{"rxpk":[{"freq":1e400}]}']))
def test_any_datagram_parses_or_is_refused(head: bytes, body: bytes) -> None:
    try:
        value = decode_datagram(head + body)
    except MalformedFrame:
        return
    if isinstance(value, PushData):
        for rxpk in value.rxpks:
            read_rxpk(value.gateway_eui, rxpk, 0)


async def test_a_commit_that_fails_acknowledges_nothing(parts: Parts) -> None:
    async with running_server(parts) as (_, port):
        gateway = Gateway(port)
        parts.database.connection.execute("DROP TABLE spool")  # as a full disk would: no write
        gateway.push(1, make_rxpk(make_data_frame(1)))
        gateway.send(2, 2)
        assert (await gateway.receive())[3] == 4
        assert await gateway.hears_nothing()


def make_downlink(tick: int | None = 6_000_000) -> Downlink:
    return Downlink(b"\x60downlink", tick, 868_100_000, RATE, 14)


async def test_downlink_goes_to_the_latest_pull_data_address_and_waits_for_tx_ack(parts: Parts) -> None:
    async with running_server(parts) as (server, port):
        old, new, other = Gateway(port), Gateway(port), Gateway(port, OTHER_EUI)
        for gateway in (old, new, other):
            gateway.send(2, 1)
            assert (await gateway.receive())[3] == 4
        concentrator = server.get_concentrator(EUI)
        assert concentrator is not None
        sending = asyncio.create_task(concentrator.send(make_downlink()))
        pull_resp = await new.receive()
        txpk = json.loads(pull_resp[4:])["txpk"]
        assert pull_resp[3] == 3
        assert (txpk["tmst"], txpk["freq"], txpk["datr"], txpk["ipol"], txpk["powe"], txpk["imme"]) == (
            6_000_000, 868.1, "SF7BW125", True, 14, False
        )  # fmt: skip
        token = int.from_bytes(pull_resp[1:3], "little")
        other.send(5, token)  # another gateway's token is not an answer
        new.send(5, token, b'{"txpk_ack":{"error":"NONE"}}')
        await asyncio.wait_for(sending, 5)
        assert await old.hears_nothing() and await other.hears_nothing()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("TOO_LATE", "too_late"),
        ("TOO_EARLY", "too_early"),
        ("COLLISION_PACKET", "collision"),
        ("COLLISION_BEACON", "collision"),
        ("TX_FREQ", "radio_failed"),
    ],
)
async def test_tx_ack_errors_become_reasons(parts: Parts, error: str, reason: str) -> None:
    async with running_server(parts) as (server, port):
        gateway = Gateway(port)
        gateway.send(2, 1)
        await gateway.receive()
        concentrator = server.get_concentrator(EUI)
        assert concentrator is not None
        sending = asyncio.create_task(concentrator.send(make_downlink(None)))
        pull_resp = await gateway.receive()
        assert json.loads(pull_resp[4:])["txpk"]["imme"] is True
        gateway.send(
            5, int.from_bytes(pull_resp[1:3], "little"), b'{"txpk_ack":{"error":"%s"}}' % error.encode()
        )
        with pytest.raises(RadioRefused) as refused:
            await sending
        assert refused.value.reason == reason and not refused.value.maybe_sent


async def test_no_tx_ack_means_unknown(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concentrator_module, "TX_ACK_TIMEOUT_S", 0.05)
    async with running_server(parts) as (server, port):
        gateway = Gateway(port)
        gateway.send(2, 1)
        await gateway.receive()
        concentrator = server.get_concentrator(EUI)
        assert concentrator is not None
        with pytest.raises(RadioRefused) as refused:
            await concentrator.send(make_downlink())
        assert refused.value.maybe_sent


async def test_a_concentrator_that_only_pushes_gets_no_downlink(parts: Parts) -> None:
    async with running_server(parts) as (server, port):
        gateway = Gateway(port)
        gateway.push(1, make_rxpk(make_data_frame(1)))
        await gateway.receive()
        concentrator = server.get_concentrator(EUI)
        assert concentrator is not None
        with pytest.raises(RadioRefused, match="away"):
            await concentrator.send(make_downlink())


async def test_concentrators_are_bounded(parts: Parts) -> None:
    async with running_server(parts) as (server, port):
        for number in range(70):
            gateway = Gateway(port, number.to_bytes(8, "big"))
            gateway.send(2, 1)
            await gateway.receive()
            gateway.udp.close()
        await wait_for(lambda: len(server.get_states()) == 64)
        assert server.get_concentrator((0).to_bytes(8, "big")) is None


def test_allow_lists() -> None:
    assert parse_allow_list("AA:55:5a:00:00:00:01:01, aa555a0000000202", "0.0.0.0").allows(OTHER_EUI)
    assert not parse_allow_list("", "127.0.0.1").allows(EUI)
    assert parse_allow_list("any", "127.0.0.1").allows(EUI)
    with pytest.raises(ValueError, match="any on 0"):
        parse_allow_list("any", "0.0.0.0")
    with pytest.raises(ValueError, match="16 hex digits"):
        parse_allow_list("12", "127.0.0.1")
