"""Follows the chain's entropy rounds and carries out what each asks of this hotspot."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

from chain import api
from chain.client import ChainClient, ChainUnavailable, RequestRefused
from chain.coverage.beacon import build_beacon_phy_payload, compute_beacon_data
from chain.keys import Keypair
from hardware.lora.duty_cycle import Transmission
from hotspot_host.board import BoardActor
from hotspot_host.board_link import BoardError, ListenWindow
from hotspot_host.clock import get_wall_ms, get_wall_us
from hotspot_host.coverage.plan import BeaconOrder, ListenOrder, compute_plan
from hotspot_host.coverage.reports import build_beacon_report, build_claim, build_witness_report
from hotspot_host.forwarder.packets import Reception
from hotspot_host.forwarder.radio import RadioRefused
from hotspot_host.store.airtime import OWN_BOARD, AirtimeLedger
from hotspot_host.store.database import Database
from hotspot_host.store.reports import ReportKind, Reports
from hotspot_host.tally import Tally

#: The board gets its order so long ahead: late enough for an exact tick, early enough for a slow link.
ORDER_AHEAD_S = 2.0
#: Twice within a challenge's lead of 6 s.
POLL_S = 1.0
LONGEST_POLL_S = 10.0
LOCAL_ENTROPY_BYTES = 16
CLAIM_NONCE_BYTES = 32
#: A report on a beacon of an unknown round is offered for so long.
UNKNOWN_ROUND_MS = 60_000

_BEACONED_FACT = "beaconed_round"


class CoverageActor:
    """``get_cell`` gives the hotspot's asserted H3 cell, None before that."""

    def __init__(
        self,
        key: Keypair,
        chain: ChainClient,
        board: BoardActor,
        gain_ddbi: int,
        airtime: AirtimeLedger,
        reports: Reports,
        database: Database,
        tally: Tally,
        get_cell: Callable[[], str | None],
        wake_sender: Callable[[], None],
    ) -> None:
        self._key = key
        self._chain = chain
        self._board = board
        self._gain_ddbi = gain_ddbi
        self._airtime = airtime
        self._reports = reports
        self._database = database
        self._tally = tally
        self._get_cell = get_cell
        self._wake_sender = wake_sender
        self._round: api.PocRound | None = None
        self._own_data: bytes | None = None

    def get_openings(self) -> tuple[int, int] | None:
        """When claims of the present round are opened, from and until, Unix milliseconds; None where no open
        round is known."""
        if self._round is None or self._round.closes_at_ms <= get_wall_ms():
            return None
        return self._round.openings_from_ms, self._round.closes_at_ms

    @property
    def round(self) -> int | None:
        """The round that is being carried out."""
        return None if self._round is None else self._round.round

    # Witnessing

    def take_beacon(self, reception: Reception, data: bytes) -> None:
        """A beacon was heard: its report is durable on return, and its claim on its way."""
        if data == self._own_data:
            return
        now_ms = get_wall_ms()
        openings_from_ms, expires_at_ms = 0, now_ms + UNKNOWN_ROUND_MS
        if self._round is not None and self._round.closes_at_ms > now_ms:
            openings_from_ms, expires_at_ms = self._round.openings_from_ms, self._round.closes_at_ms
        try:
            report = build_witness_report(self._key, reception, data)
        except ValueError as error:
            self._tally.drop("unknown_data_rate", f"beacon dropped: {error}")
            return
        if self._keep("witness", data, report, openings_from_ms, expires_at_ms):
            self._tally.add("beacons_heard")
            self._tally.lines.say(
                "witness",
                f"beacon heard at {reception.rssi_dbm} dBm, SNR {reception.snr_db:.1f} dB",
                rssi_dbm=reception.rssi_dbm,
                snr_db=reception.snr_db,
                beacon=data.hex()[:16],
            )
            self._wake_sender()
        else:
            self._tally.add("beacons_heard_again")

    def _keep(
        self, kind: ReportKind, data: bytes, report: bytes, openings_from_ms: int, expires_at_ms: int
    ) -> bool:
        nonce = os.urandom(CLAIM_NONCE_BYTES)
        claim = build_claim(self._key, report, nonce, time.time_ns())
        return self._reports.add(kind, data, report, nonce, claim, openings_from_ms, expires_at_ms)

    # Rounds

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                poc_round = await self._wait_for_round()
                self._round = poc_round
                cell = self._get_cell()
                plan = compute_plan(poc_round, self._key.public_key.address, cell)
                if cell is not None:
                    if plan.beacon is not None:
                        tasks.create_task(self._carry_out_beacon(poc_round, plan.beacon))
                    for order in plan.listens:
                        tasks.create_task(self._carry_out_listen(order))
                await asyncio.sleep(max((poc_round.closes_at_ms - get_wall_ms()) / 1000, POLL_S))

    async def _wait_for_round(self) -> api.PocRound:
        """The next round that isn't the present one."""
        wait_s = POLL_S
        while True:
            try:
                poc_round = await self._chain.poc_round()
            except (ChainUnavailable, RequestRefused) as error:
                self._tally.say_change("chain_rounds", "down", f"no rounds from the chain: {error}", up=False)
                wait_s = min(wait_s * 1.5, LONGEST_POLL_S)
            else:
                if self._tally.was_said("chain_rounds"):
                    self._tally.say_change("chain_rounds", "up", "rounds from the chain again", up=True)
                wait_s = POLL_S
                if self._round is None or poc_round.round != self._round.round:
                    return poc_round
            await asyncio.sleep(wait_s)

    async def _carry_out_listen(self, order: ListenOrder) -> None:
        if not await _sleep_until(order.start_us / 1e6 - ORDER_AHEAD_S, order.start_us / 1e6):
            return
        try:
            start_tick = await self._board.get_tick_at(order.start_us)
            await self._board.listen(
                ListenWindow(
                    start_tick=start_tick,
                    duration_us=order.duration_us,
                    frequency_hz=order.frequency_hz,
                    spreading_factor=order.data_rate.spreading_factor,
                    bandwidth_hz=order.data_rate.bandwidth_hz,
                )
            )
        except BoardError as error:
            self._tally.drop("listen_refused", f"not listening for {order.hotspot}: {error}")
        else:
            self._tally.add("listen_windows")

    async def _carry_out_beacon(self, poc_round: api.PocRound, order: BeaconOrder) -> None:
        at_us = order.at_ms * 1000
        if self._database.get_fact(_BEACONED_FACT) == str(poc_round.round).encode():
            return  # before a restart
        if not await _sleep_until(at_us / 1e6 - ORDER_AHEAD_S, at_us / 1e6):
            self._tally.drop("beacon_late", f"beacon of round {poc_round.round} left out: its slot is over")
            return
        transmission = Transmission(at_us, order.time_on_air_us, order.frequency_hz)
        eirp_ddbm = order.conducted_power_dbm * 10 + self._gain_ddbi
        decision = self._airtime.reserve(OWN_BOARD, transmission, eirp_ddbm, get_wall_us())
        if not decision.is_allowed:
            text = f"beacon of round {poc_round.round} not sent: {decision.text}"
            self._tally.drop(f"beacon_{decision.reason}", text)
            return
        local_entropy = os.urandom(LOCAL_ENTROPY_BYTES)
        entropy = bytes.fromhex(poc_round.entropy)
        data = compute_beacon_data(entropy, poc_round.timestamp_s, local_entropy)
        # Durable first: a hotspot that restarts in this round must not beacon twice.
        self._database.put_fact(_BEACONED_FACT, str(poc_round.round).encode())
        self._own_data = data
        try:
            tick = await self._board.send_beacon(
                await self._board.get_tick_at(at_us),
                order.frequency_hz,
                order.data_rate,
                order.conducted_power_dbm,
                build_beacon_phy_payload(data),
            )
        except (BoardError, RadioRefused) as error:
            if not (isinstance(error, RadioRefused) and error.maybe_sent):
                self._airtime.release(OWN_BOARD, transmission)
            self._tally.drop("beacon_refused", f"beacon of round {poc_round.round} not sent: {error}")
            return
        report = build_beacon_report(
            self._key,
            local_entropy=local_entropy,
            public_entropy=entropy,
            data=data,
            frequency_hz=order.frequency_hz,
            data_rate=order.data_rate,
            conducted_power_dbm=order.conducted_power_dbm,
            tick=tick,
            timestamp_ns=time.time_ns(),
        )
        self._keep("beacon", data, report, poc_round.openings_from_ms, poc_round.closes_at_ms)
        self._tally.add("beacons_sent")
        self._tally.lines.say(
            "beacon",
            f"beacon of round {poc_round.round} sent at {order.conducted_power_dbm} dBm, {order.data_rate}",
            round=poc_round.round,
            beacon=data.hex()[:16],
        )
        self._wake_sender()


async def _sleep_until(wall_s: float, latest_s: float) -> bool:
    """Sleep till a Unix time. False where a later one has passed already."""
    await asyncio.sleep(max(wall_s - time.time(), 0))
    return time.time() < latest_s
