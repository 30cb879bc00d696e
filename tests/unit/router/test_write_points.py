"""The router is killed at each of its write points on a disk that forgets what was not synced: nothing that
anybody was told is lost, nothing happens twice.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chain.data.voucher import decode_voucher
from chain.transactions.types import ChannelAllot, ChannelClose, ChannelOpen
from router.lorawan.frames import EncryptedJoinAccept, parse_phy_payload
from router.lorawan.join import decrypt_join_accept
from router.store.database import Database, StoreError
from router.store.devices import get_device, get_sessions_of_device
from router.store.events import list_events
from router.store.frames import get_receipt
from router.store.purchases import get_allotted, get_owed, list_channels, list_totals
from router.store.queue import get_item, list_items
from router.traffic.desk import BOUGHT
from tests.power_cut import get_missing_tool
from tests.power_cut.small_chain import SmallChain
from tests.power_cut.stage import Outside, Stage, Trial
from tests.power_cut.write_points import find_write_points
from tests.unit.router import crash_story as story

pytestmark = pytest.mark.skipif(get_missing_tool() is not None, reason=get_missing_tool() or "")

POINTS = sorted(point for point in find_write_points() if point.startswith("router."))
#: In the mempool, and the router does not know: not a commit of its own, but as good a moment to die.
MOMENTS = [
    *POINTS,
    "story.submitted.ChannelAllot",
    "story.submitted.ChannelClose",
    "story.submitted.ChannelOpen",
    "story.submitted.RouterRegister",
]
#: What `list_losses` can find lost.
KINDS = {"counter", "DevNonce", "downlink counter", "command", "data credits", "event", "device", "receipt"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage("tests.unit.router.crash_story", tmp_path_factory.mktemp("stage")) as opened:
        yield opened


@pytest.mark.parametrize("kill_at", MOMENTS)
def test_kill_and_power_cut(stage: Stage, tmp_path: Path, kill_at: str) -> None:
    trial = Trial(stage, tmp_path)
    assert trial.play(kill_at) == -9, f"the story does not come by {kill_at}: {trial.errors}"
    trial.cut_power()
    assert list_losses(trial) == []
    assert trial.play() == 0, trial.errors
    assert list_losses(trial) == []
    check_end(trial)


@pytest.mark.parametrize("kill_at", ["router.outbox.before_commit", "router.outbox.after_commit"])
@pytest.mark.parametrize("is_embedded", [True, False], ids=["embedded broker", "outside broker"])
def test_what_a_broker_forgets_is_published_again(
    stage: Stage, tmp_path: Path, kill_at: str, is_embedded: bool
) -> None:
    """The embedded broker dies with its router, and what it had acknowledged with it; another one keeps that.
    Neither lacks an event in the end, nor sees it under two ids.
    """
    trial = Trial(stage, tmp_path)
    if not is_embedded:
        trial.outside.tell("outside broker")
    assert trial.play(kill_at) == -9, trial.errors
    before = [line["id"] for line in trial.outside.get("published", event="up")]
    trial.cut_power()
    assert trial.play() == 0, trial.errors
    check_end(trial)
    after = [line["id"] for line in trial.outside.get("published", event="up")][len(before) :]
    is_marked = kill_at.endswith("after_commit")
    assert before and all((id in after) is (is_embedded or not is_marked) for id in before)


def test_without_the_sync_everything_is_missed(stage: Stage, tmp_path: Path) -> None:
    """The checks above would notice: with the syncs taken out each of them finds its loss."""
    trial = Trial(stage, tmp_path)
    assert trial.play("router.outbox_stop.after_commit", sync=False) == -9, trial.errors
    assert list_losses(trial) == []  # kill -9 alone takes nothing
    assert trial.cut_power()
    assert {kind for kind, _ in list_losses(trial)} == KINDS


def open_store(trial: Trial) -> Database:
    """The store as the power cut left it; an empty one in place of a damaged one."""
    path = trial.disk / "router.db"
    try:
        return Database(path)
    except (StoreError, sqlite3.Error):
        for file in trial.disk.glob("router.db*"):
            file.unlink()
        return Database(path)


def list_losses(trial: Trial) -> list[tuple[str, Any]]:
    """(kind, what) for all that the outside was told and the store does not know."""
    database = open_store(trial)
    try:
        return list(_find_losses(trial.outside, database))
    finally:
        database.close()


def _find_losses(outside: Outside, database: Database) -> Iterator[tuple[str, Any]]:
    read = database.read()
    meter, collar = bytes.fromhex(story.METER), bytes.fromhex(story.COLLAR)
    for eui in (story.METER, story.COLLAR):
        if outside.get("done", step=f"add {eui}") and get_device(read, bytes.fromhex(eui)) is None:
            yield "device", eui
    if outside.get("done", step="activate") and not get_sessions_of_device(read, collar):
        yield "device", "no session"
    if outside.get("done", step="remove") and get_device(read, bytes.fromhex(story.GONE)) is not None:
        yield "device", "the removed one is back"

    bought = {line["hash"]: line for line in outside.get("receipt", status=BOUGHT)}
    for packet_hash in bought:
        stored = get_receipt(read, bytes.fromhex(packet_hash))
        if stored is None or stored.data_credits != bought[packet_hash]["data_credits"]:
            yield "receipt", packet_hash
    promised = sum(total.total_data_credits for total in list_totals(read)) + get_owed(read)
    if promised < sum(line["data_credits"] for line in bought.values()):
        yield "data credits", promised
    totals = {(total.channel_id, total.hotspot): total for total in list_totals(read)}
    for voucher in list_vouchers(outside):
        kept = totals.get((voucher.channel_id.hex(), voucher.hotspot))
        if kept is None or (kept.sequence, kept.total_data_credits) < (
            voucher.sequence,
            voucher.total_data_credits,
        ):
            yield "data credits", voucher

    for device, name in ((meter, "meter"), (collar, "collar")):
        f_cnts = [n for n in range(20) if story.hash_name(f"{name} {n}").hex() in bought]
        known = max((session.f_cnt_up for session in get_sessions_of_device(read, device)), default=0)
        if f_cnts and known <= max(f_cnts):
            yield "counter", (name, known)
    ups = list_events(read, None, 0, 1000, "up")
    ids = [story.json.loads(event.payload)["deduplicationId"] for event in ups]
    if len(ids) < len(bought):
        yield "event", ids
    yield from (("event", line) for line in outside.get("published", event="up") if line["id"] not in ids)

    used = {row[0] for row in read.rows("SELECT dev_nonce FROM dev_nonces WHERE dev_eui = ?", (collar,))}
    device_now = get_device(read, collar)
    for nonce, join_nonce in list_accepts(outside):
        if nonce not in used or device_now is None or device_now.join_nonce < join_nonce:
            yield "DevNonce", nonce
    sessions = get_sessions_of_device(read, meter)
    for f_cnt, _ in list_downlinks(outside):
        if not sessions or sessions[0].f_cnt_down <= f_cnt:
            yield "downlink counter", f_cnt
    for line in outside.get("puback"):
        finished = read.get("SELECT 1 FROM finished_items WHERE item_id = ?", (line["id"],))
        if get_item(read, line["id"]) is None and finished is None:
            yield "command", line["id"]


def check_end(trial: Trial) -> None:
    """The story has been told to its end: everything happened, and nothing twice."""
    outside = trial.outside
    published: dict[Any, set[str]] = {}
    for line in outside.get("published", event="up"):
        published.setdefault((line["dev_eui"], line["f_cnt"]), set()).add(line["id"])
    exchanges = [line["f_cnt"] for line in outside.get("exchange")]
    f_cnts = (0, 1, *exchanges, story.LAST_F_CNT)
    expected = {(story.METER, f_cnt) for f_cnt in f_cnts} | {(story.COLLAR, 0)}
    assert set(published) == expected
    assert all(len(ids) == 1 for ids in published.values()), published

    of_counter: dict[int, set[str]] = {}
    for f_cnt, payload in list_downlinks(outside):
        of_counter.setdefault(f_cnt, set()).add(payload)
    assert all(len(payloads) == 1 for payloads in of_counter.values()), "a downlink counter was used twice"
    ids = [line["id"] for line in outside.get("downlink")]
    assert len(set(ids)) == len(ids)
    accepts = list_accepts(outside)
    assert [nonce for nonce, _ in accepts] == sorted({nonce for nonce, _ in accepts})
    join_nonces = [join_nonce for _, join_nonce in accepts]
    assert join_nonces == sorted(set(join_nonces))
    of_sequence: dict[Any, set[int]] = {}
    for voucher in list_vouchers(outside):
        key = (voucher.channel_id, voucher.hotspot, voucher.sequence)
        of_sequence.setdefault(key, set()).add(voucher.total_data_credits)
    assert of_sequence and all(len(totals) == 1 for totals in of_sequence.values())

    database = Database(trial.disk / "router.db")
    read = database.read()
    ups = [story.json.loads(event.payload) for event in list_events(read, None, 0, 1000, "up")]
    assert sorted((up["deviceInfo"]["devEui"], up["fCnt"]) for up in ups) == sorted(expected)
    prices = {line["hash"]: line["data_credits"] for line in outside.get("receipt", status=BOUGHT)}
    assert sum(total.total_data_credits for total in list_totals(read)) == sum(prices.values())
    assert get_owed(read) == 0
    bodies = SmallChain(outside).list_bodies("included")
    opened = [id for id, body in bodies if isinstance(body, ChannelOpen)]
    assert [channel.channel_id for channel in list_channels(read) if channel.is_open] == opened[1:]
    assert len(opened) == 2, "data credits are locked in a channel that nobody uses"
    closes = [body for _, body in bodies if isinstance(body, ChannelClose)]
    assert {body.channel_id.hex() for body in closes} == {opened[0]}
    counts = {part.hotspot: part.data_credits for part in closes[-1].counts}
    assert counts == {
        total.hotspot: total.total_data_credits
        for total in list_totals(read)
        if total.channel_id == opened[0]
    }
    for _, body in bodies:
        if isinstance(body, ChannelAllot):
            allotted = get_allotted(read, body.channel_id.hex())
            assert all(allotted[part.hotspot] >= part.data_credits for part in body.allotments)
    assert [item.item_id for item in list_items(read, bytes.fromhex(story.COLLAR))] == [story.WAITING_COMMAND]
    assert list_items(read, bytes.fromhex(story.METER)) == []
    assert get_device(read, bytes.fromhex(story.GONE)) is None
    database.close()


def list_vouchers(outside: Outside) -> list[Any]:
    raws = {line["voucher"] for line in outside.get("receipt") if line["voucher"]}
    return [decode_voucher(bytes.fromhex(raw)).voucher for raw in sorted(raws)]


def list_accepts(outside: Outside) -> list[tuple[int, int]]:
    """(DevNonce, JoinNonce) of each accept that a hotspot was handed."""
    accepts = []
    nonce = 0
    for line in outside.lines:
        if line["kind"] == "nonce":
            nonce = line["nonce"]
        elif line["kind"] == "downlink" and line["what"] == "join":
            frame = parse_phy_payload(bytes.fromhex(line["payload"]))
            assert isinstance(frame, EncryptedJoinAccept)
            accepts.append((nonce, decrypt_join_accept(frame, story.APP_KEY).join_nonce))
    return accepts


def list_downlinks(outside: Outside) -> list[tuple[int, str]]:
    """(f_cnt_down, PHYPayload) of each data downlink to the meter that a hotspot was handed."""
    found = []
    for line in outside.get("downlink", what="data"):
        frame = parse_phy_payload(bytes.fromhex(line["payload"]))
        if getattr(frame, "dev_addr", b"") == bytes.fromhex(story.METER_KEYS["dev_addr"]):
            found.append((frame.f_cnt, line["payload"]))  # type: ignore[union-attr]
    return found
