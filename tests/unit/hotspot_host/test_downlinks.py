"""RX1, else RX2, within the law; and the result back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chain.keys import Keypair
from chain.wire import packet_router_pb2 as wire
from hardware.lora.duty_cycle import Transmission
from hardware.lora.regions import get_region
from hotspot_host.forwarder.downlinks import DownlinkActor, DownlinkOrder, is_signed_by
from hotspot_host.forwarder.radio import Downlink, RadioRefused, Refusal
from hotspot_host.forwarder.windows import compute_ahead_us, compute_power, read_windows

from .conftest import Parts
from .fakes import serialize_without, wait_for

NOW_US = 1_700_000_000_000_000
EU868 = get_region("EU868")


class FakeRadio:
    name = "board"

    def __init__(self, tick: int = 1_000_000) -> None:
        self.tick: int | None = tick
        self.sent: list[Downlink] = []
        self.refusals: list[RadioRefused] = []

    def get_tick(self) -> int | None:
        return self.tick

    async def send(self, downlink: Downlink) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.sent.append(downlink)


def make_downlink(
    number: int = 1, rx1_tick: int = 6_000_000, rx2_tick: int = 7_000_000
) -> wire.packet_router_packet_down_v1:
    return wire.packet_router_packet_down_v1(
        payload=b"\x60" + bytes(20),
        rx1=wire.window_v1(timestamp=rx1_tick, frequency=868_100_000, datarate="SF7BW125"),
        rx2=wire.window_v1(timestamp=rx2_tick, frequency=869_525_000, datarate="SF12BW125"),
        downlink_id=number,
    )


class Desk:
    """An actor with one radio, and the results it gives."""

    def __init__(self, parts: Parts) -> None:
        self.radio = FakeRadio()
        self.results: list[wire.downlink_result_v1] = []
        self.actor = DownlinkActor(
            EU868,
            20,
            parts.airtime,
            lambda eui: None if eui else self.radio,
            parts.tally,
            lambda: NOW_US,
        )

    async def give(self, packet: wire.packet_router_packet_down_v1) -> wire.downlink_result_v1:
        before = len(self.results)
        self.actor.order(DownlinkOrder("router", packet, self.results.append))
        await wait_for(lambda: len(self.results) > before)
        return self.results[-1]


@asynccontextmanager
async def running_desk(parts: Parts) -> AsyncIterator[Desk]:
    desk = Desk(parts)
    task = asyncio.create_task(desk.actor.run())
    try:
        yield desk
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_rx1_if_there_is_time(parts: Parts) -> None:
    async with running_desk(parts) as desk:
        result = await desk.give(make_downlink())
        assert (result.downlink_id, result.status, result.window) == (1, wire.SENT, 1)
        sent = desk.radio.sent[0]
        assert (sent.tick, sent.frequency_hz, str(sent.data_rate)) == (6_000_000, 868_100_000, "SF7BW125")
        assert sent.power_dbm == 14  # 16 dBm EIRP less 2 dBi


@pytest.mark.parametrize("tick", [6_000_000 - 50_000, 6_500_000])
async def test_rx2_if_rx1_is_too_near_or_past(parts: Parts, tick: int) -> None:
    async with running_desk(parts) as desk:
        desk.radio.tick = tick
        result = await desk.give(make_downlink())
        assert (result.status, result.window) == (wire.SENT, 2)
        assert desk.radio.sent[0].power_dbm == 20  # 29 dBm EIRP there: the chip gives 20


async def test_windows_wrap_with_the_counter(parts: Parts) -> None:
    async with running_desk(parts) as desk:
        desk.radio.tick = (1 << 32) - 2_000_000
        result = await desk.give(make_downlink(rx1_tick=3_000_000, rx2_tick=4_000_000))
        assert (result.status, result.window) == (wire.SENT, 1)


async def test_too_late_for_both(parts: Parts) -> None:
    async with running_desk(parts) as desk:
        desk.radio.tick = 8_000_000
        assert (await desk.give(make_downlink())).status == wire.TOO_LATE
        assert desk.radio.sent == []


@pytest.mark.parametrize("reason", ["too_late", "too_early", "collision", "radio_failed"])
async def test_rx2_if_the_radio_refuses_rx1_and_the_airtime_is_given_back(
    parts: Parts, reason: Refusal
) -> None:
    async with running_desk(parts) as desk:
        desk.radio.refusals.append(RadioRefused(reason, "no"))
        assert (await desk.give(make_downlink())).window == 2
        rx1_band = parts.airtime.get_use("board", NOW_US + 10_000_000)
        assert [use.used_us > 0 for use in rx1_band if use.start_hz <= 868_100_000 <= use.end_hz] == [False]


async def test_no_second_window_where_the_first_may_have_been_sent(parts: Parts) -> None:
    async with running_desk(parts) as desk:
        desk.radio.refusals.append(RadioRefused("radio_failed", "no answer", maybe_sent=True))
        assert (await desk.give(make_downlink())).status == wire.RADIO_FAILED
        assert desk.radio.sent == []


async def test_rx2_if_the_duty_cycle_forbids_rx1_and_refused_if_both(parts: Parts) -> None:
    for frequency_hz, budget_us in ((868_100_000, 35_950_000), (869_525_000, 358_500_000)):
        spent = Transmission(NOW_US - 1_000_000_000, budget_us, frequency_hz)
        assert parts.airtime.reserve("board", spent, 100, NOW_US).is_allowed
    async with running_desk(parts) as desk:
        assert (await desk.give(make_downlink(1))).window == 2
        assert (await desk.give(make_downlink(2))).status == wire.DUTY_CYCLE
        assert len(desk.radio.sent) == 1
        assert "duty cycle" in parts.said.getvalue()


async def test_the_same_downlink_again_is_not_sent_again(parts: Parts) -> None:
    async with running_desk(parts) as desk:
        first = await desk.give(make_downlink(5))
        assert await desk.give(make_downlink(5)) == first
        assert len(desk.radio.sent) == 1


async def test_unknown_radio_and_nonsense_are_refused(parts: Parts) -> None:
    async with running_desk(parts) as desk:
        elsewhere = make_downlink(1)
        elsewhere.gateway_eui = b"12345678"
        assert (await desk.give(elsewhere)).status == wire.RADIO_FAILED
        assert (await desk.give(wire.packet_router_packet_down_v1(downlink_id=2))).status == wire.RADIO_FAILED
        fsk = make_downlink(3)
        fsk.rx1.datarate = "FSK50"
        assert (await desk.give(fsk)).status == wire.RADIO_FAILED
        off_band = make_downlink(4)
        off_band.rx1.frequency = off_band.rx2.frequency = 900_000_000
        assert (await desk.give(off_band)).status == wire.RADIO_FAILED


async def test_a_full_queue_refuses(parts: Parts) -> None:
    desk = Desk(parts)  # nobody works here
    for number in range(1, 20):
        desk.actor.order(DownlinkOrder("router", make_downlink(number), desk.results.append))
    assert [result.status for result in desk.results] == [wire.COLLISION] * 3


def test_ticks_are_compared_modulo_2_32() -> None:
    assert compute_ahead_us(5, (1 << 32) - 5) == 10
    assert compute_ahead_us((1 << 32) - 5, 5) == -10


def test_immediate_windows_have_no_tick() -> None:
    packet = wire.packet_router_packet_down_v1(
        rx1=wire.window_v1(immediate=True, frequency=869_525_000, datarate="SF12BW125")
    )
    assert [window.tick for window in read_windows(packet)] == [None]


@pytest.mark.parametrize(
    ("frequency_hz", "gain_ddbi"), [(868_100_000, 0), (868_100_000, 61), (869_525_000, 150)]
)
def test_power_never_exceeds_the_sub_bands_limit(frequency_hz: int, gain_ddbi: int) -> None:
    power = compute_power(EU868, frequency_hz, gain_ddbi)
    band = EU868.get_sub_band(frequency_hz)
    assert band is not None
    assert power.eirp_ddbm == power.conducted_dbm * 10 + gain_ddbi <= band.max_eirp_ddbm
    assert power.conducted_dbm <= 20


def test_only_the_routers_voucher_key_signs_downlinks() -> None:
    key = Keypair.generate()
    packet = make_downlink()
    packet.signature = key.sign(serialize_without(packet, "signature"))
    assert is_signed_by(packet, key.public_key)
    assert not is_signed_by(packet, Keypair.generate().public_key)
    packet.rx1.timestamp += 1
    assert not is_signed_by(packet, key.public_key)
