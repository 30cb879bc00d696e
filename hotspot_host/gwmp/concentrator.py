"""One concentrator: where it is, and the transmissions that wait for its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import get_args

from hotspot_host.clock import get_monotonic_us
from hotspot_host.forwarder.packets import TICKS
from hotspot_host.forwarder.radio import Downlink, RadioRefused, Refusal
from router.lorawan.gwmp import DataRateFields, PullResp, TxAck, Txpk

Address = tuple[str, int]

#: Without a PULL_DATA for so long a concentrator is gone (forwarders send one every 5 to 10 s).
SILENT_AFTER_S = 60.0
#: A forwarder answers a PULL_RESP when it has queued it, which takes milliseconds.
TX_ACK_TIMEOUT_S = 2.0

#: What a packet forwarder's refusal is to a router; all others are RADIO_FAILED.
_REFUSALS: dict[str, Refusal] = {
    "TOO_LATE": "too_late",
    "TOO_EARLY": "too_early",
    "COLLISION_PACKET": "collision",
    "COLLISION_BEACON": "collision",
}
assert set(_REFUSALS.values()) <= set(get_args(Refusal))


class Concentrator:
    """A radio by its EUI. ``send_datagram`` sends to an address; answers come in through ``take_tx_ack``."""

    def __init__(self, eui: bytes, send_datagram: Callable[[PullResp, Address], None]) -> None:
        self.eui = eui
        self.address: Address | None = None
        """Where its last PULL_DATA came from: a NAT lets datagrams through to nowhere else."""
        self.heard_at_us = get_monotonic_us()
        self.packets = 0
        self._pulled_at_us = 0
        self._tick: tuple[int, int] | None = None
        self._send_datagram = send_datagram
        self._waiting: dict[int, asyncio.Future[TxAck]] = {}
        self._next_token = int.from_bytes(eui[-2:], "big")

    @property
    def name(self) -> str:
        """Its name in the airtime ledger."""
        return self.eui.hex()

    @property
    def is_connected(self) -> bool:
        """Whether a downlink would find it."""
        silent_us = get_monotonic_us() - self._pulled_at_us
        return self.address is not None and silent_us < SILENT_AFTER_S * 1e6

    def process_pull_data(self, address: Address) -> bool:
        """Remember the way back; True where it is new or has moved."""
        is_new = not self.is_connected or self.address != address
        self.address = address
        self._pulled_at_us = self.heard_at_us = get_monotonic_us()
        return is_new

    def process_tmst(self, tmst_us: int) -> None:
        """Its counter read this a moment ago."""
        self._tick = (tmst_us, get_monotonic_us())

    def get_tick(self) -> int | None:
        """Its counter now, as far as it is known: behind by what its last packet took to get here."""
        if self._tick is None:
            return None
        tmst_us, at_us = self._tick
        return (tmst_us + get_monotonic_us() - at_us) % TICKS

    def take_tx_ack(self, ack: TxAck) -> bool:
        """An answer came. False where nobody waits for this token."""
        future = self._waiting.pop(ack.token, None)
        if future is None or future.done():
            return False
        future.set_result(ack)
        return True

    async def send(self, downlink: Downlink) -> None:
        """Have it transmit; returns when it has taken the packet into its queue."""
        if not self.is_connected or self.address is None:
            raise RadioRefused("radio_failed", f"concentrator {self.eui.hex()} is away (no PULL_DATA)")
        token = self._next_token
        self._next_token = (token + 1) & 0xFFFF
        future: asyncio.Future[TxAck] = asyncio.get_running_loop().create_future()
        self._waiting[token] = future
        txpk = Txpk(
            phy_payload=downlink.payload,
            frequency_hz=downlink.frequency_hz,
            data_rate=DataRateFields(
                spreading_factor=downlink.data_rate.spreading_factor,
                bandwidth_hz=downlink.data_rate.bandwidth_hz,
            ),
            power_dbm=downlink.power_dbm,
            is_immediate=downlink.tick is None,
            tmst_us=downlink.tick,
            coding_rate="4/5",
            invert_polarization=True,
            no_crc=True,
        )
        try:
            self._send_datagram(PullResp(token=token, txpk=txpk), self.address)
            async with asyncio.timeout(TX_ACK_TIMEOUT_S):
                ack = await future
        except TimeoutError:
            raise RadioRefused(
                "radio_failed", f"concentrator {self.eui.hex()} gave no TX_ACK", maybe_sent=True
            ) from None
        except OSError as error:
            raise RadioRefused("radio_failed", f"concentrator {self.eui.hex()}: {error.strerror}") from error
        finally:
            self._waiting.pop(token, None)
        if not ack.is_accepted:
            reason = _REFUSALS.get(ack.error or "", "radio_failed")
            raise RadioRefused(reason, f"concentrator {self.eui.hex()} says {ack.error}")
