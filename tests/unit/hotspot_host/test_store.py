"""What must survive: spool, receipts and vouchers, airtime, reports."""

import pytest

from chain.wire import packet_router_pb2 as wire
from hardware.lora.duty_cycle import Transmission
from hotspot_host.forwarder.packets import build_packet, compute_packet_hash
from hotspot_host.store.database import Database
from hotspot_host.store.reports import ReportKind, Reports
from hotspot_host.store.vouchers import Dispute, KeptVoucher

from .conftest import Parts, make_data_frame, make_reception

HOUR_US = 3_600_000_000


def spool(parts: Parts, *numbers: int) -> None:
    parts.intake.spool = parts.spool
    parts.intake.take([make_reception(make_data_frame(number), number) for number in numbers])


def test_commits_are_synced_to_the_disk(parts: Parts) -> None:
    """Without these two a power cut takes what was acknowledged."""
    connection = parts.database.connection
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_an_unknown_schema_is_refused(parts: Parts) -> None:
    parts.database.connection.execute("PRAGMA user_version=99")
    with pytest.raises(ValueError, match="schema 99"):
        Database(parts.folder / "hotspot.sqlite")


def test_spool_keeps_order_over_a_restart(parts: Parts) -> None:
    spool(parts, 1, 2, 3)
    parts.reopen()
    assert [packet.parse().payload for packet in parts.spool.read_after(0, 10)] == [
        make_data_frame(number) for number in (1, 2, 3)
    ]


def test_the_packet_hash_is_of_the_packet_without_signature_and_hold_time(parts: Parts) -> None:
    new = build_packet(make_reception(make_data_frame(1)), parts.key.public_key.binary, "EU868")
    packet = wire.packet_router_packet_up_v1.FromString(new.packet)
    packet.hold_time, packet.signature = 17, b"s"
    assert compute_packet_hash(packet) == new.packet_hash
    packet.rssi = -81
    assert compute_packet_hash(packet) != new.packet_hash


def test_a_reception_offered_again_is_not_spooled_again(parts: Parts) -> None:
    spool(parts, 1, 1)
    assert len(parts.spool) == 1
    parts.spool.remove(parts.spool.read_after(0, 1)[0].id)
    spool(parts, 1)  # the board didn't get the acknowledgement
    assert len(parts.spool) == 0
    assert parts.tally.get("receptions_repeated") == 2


def test_a_full_spool_drops_its_oldest_and_says_so(parts: Parts) -> None:
    parts.spool.limit = 3
    spool(parts, *range(1, 6))
    assert [packet.parse().payload for packet in parts.spool.read_after(0, 10)] == [
        make_data_frame(number) for number in (3, 4, 5)
    ]
    assert parts.drops["spool_full"] == 2
    assert "spool full" in parts.said.getvalue()


def make_voucher(sequence: int, data_credits: int, packets: int, channel: str = "c1") -> KeptVoucher:
    return KeptVoucher(channel, "r", sequence, data_credits, packets, b"v%d" % sequence)


def test_a_receipt_takes_packet_and_counts_once(parts: Parts) -> None:
    spool(parts, 1)
    packet_hash = parts.spool.read_after(0, 1)[0].packet_hash
    assert parts.vouchers.settle("r", packet_hash, 2, None)
    assert not parts.vouchers.settle("r", packet_hash, 2, None)
    balance = parts.vouchers.get_balance("r")
    assert (balance.bought_packets, balance.bought_data_credits, balance.unvouchered_packets) == (1, 2, 1)
    assert len(parts.spool) == 0


def test_what_is_set_aside_or_claimed_is_no_risk(parts: Parts) -> None:
    parts.vouchers.settle("r", b"", 0, make_voucher(1, 50, 20))
    parts.vouchers.settle("r", b"", 0, make_voucher(1, 7, 2, channel="c2"))
    parts.vouchers.settle("other", b"", 0, KeptVoucher("c3", "other", 1, 1000, 9, b"v"))

    def get_uncovered() -> int:
        return parts.vouchers.get_balance("r").uncovered_data_credits

    assert get_uncovered() == 57
    parts.vouchers.set_funds("c1", 100, 30)
    assert get_uncovered() == 27
    parts.vouchers.set_funds("c1", 100, 80)
    assert get_uncovered() == 7
    parts.vouchers.mark_claimed("c2", 5)
    parts.reopen()
    assert get_uncovered() == 2
    parts.vouchers.mark_claimed("c2", 0, is_settled=True)
    assert get_uncovered() == 0
    assert [kept.channel_id for kept in parts.vouchers.get_unclaimed()] == ["c1", "c3"]


def test_what_closes_first_is_claimed_first(parts: Parts) -> None:
    for channel, closing_at_ms in (("c1", 0), ("c2", 900), ("c3", 800)):
        parts.vouchers.settle("r", b"", 0, make_voucher(1, 5, 2, channel))
        parts.vouchers.set_funds(channel, 100, closing_at_ms=closing_at_ms)
    assert [kept.channel_id for kept in parts.vouchers.get_unclaimed()] == ["c3", "c2", "c1"]
    assert parts.vouchers.get_closing_at_ms("c2") == 900
    assert parts.vouchers.get_closing_at_ms("none") == 0


def test_a_proof_of_fraud_survives_and_is_reported_once(parts: Parts) -> None:
    proof = Dispute("c1", "r", b"one", b"other")
    parts.vouchers.settle("r", b"", 0, None, proof)
    parts.vouchers.settle("r", b"", 0, None, Dispute("c1", "r", b"third", b"fourth"))
    parts.reopen()
    assert parts.vouchers.is_disputed("r") and not parts.vouchers.is_disputed("s")
    assert parts.vouchers.get_unreported() == [proof]
    parts.vouchers.mark_reported("c1")
    parts.reopen()
    assert parts.vouchers.get_unreported() == []
    assert parts.vouchers.is_disputed("r"), "it isn't trusted again"


def test_the_highest_voucher_is_kept_and_counts_once_its_channel_is_funded(parts: Parts) -> None:
    spool(parts, 1, 2)
    first, second = parts.spool.read_after(0, 2)
    parts.vouchers.settle("r", first.packet_hash, 1, make_voucher(2, 5, 2))
    parts.vouchers.settle("r", second.packet_hash, 1, make_voucher(1, 1, 1))
    parts.reopen()
    kept = parts.vouchers.get("c1")
    assert kept is not None and kept.sequence == 2
    assert (
        parts.vouchers.get_balance("r").unvouchered_packets == 2
    )  # nobody knows whether the channel is real
    assert parts.vouchers.get_unfunded() == ["c1"]
    parts.vouchers.set_funds("c1", 4)
    assert parts.vouchers.get_balance("r").unvouchered_packets == 2  # it can't pay what was promised
    parts.vouchers.set_funds("c1", 5)
    assert parts.vouchers.get_balance("r").unvouchered_packets == 0
    assert parts.vouchers.get_unfunded() == []


def test_claims_are_remembered(parts: Parts) -> None:
    parts.vouchers.settle("r", b"", 0, make_voucher(1, 5, 2))
    assert [kept.total_data_credits for kept in parts.vouchers.get_unclaimed()] == [5]
    parts.vouchers.mark_claimed("c1", 5)
    parts.reopen()
    assert parts.vouchers.get_unclaimed() == []
    assert parts.vouchers.get_claimed_data_credits() == 5


def test_airtime_survives_a_restart_and_is_refused_when_spent(parts: Parts) -> None:
    now_us = 1_700_000_000_000_000
    sent = 0
    while parts.airtime.reserve(
        "board", Transmission(now_us, 2_000_000, 868_100_000), 140, now_us
    ).is_allowed:
        sent += 1
        now_us += 10_000_000
    assert sent == 18  # 36 s an hour at 1 %
    parts.reopen()
    refused = parts.airtime.reserve("board", Transmission(now_us, 2_000_000, 868_100_000), 140, now_us)
    assert not refused.is_allowed and refused.reason == "duty_cycle"
    other_band = Transmission(now_us, 2_000_000, 869_525_000)
    assert parts.airtime.reserve("board", other_band, 140, now_us).is_allowed
    other_radio = Transmission(now_us, 2_000_000, 868_100_000)
    assert parts.airtime.reserve("aa55", other_radio, 140, now_us).is_allowed
    later_us = now_us + HOUR_US
    assert parts.airtime.reserve(
        "board", Transmission(later_us, 2_000_000, 868_100_000), 140, later_us
    ).is_allowed


def test_airtime_that_wasnt_used_is_given_back(parts: Parts) -> None:
    now_us = 1_700_000_000_000_000
    long = Transmission(now_us, 36_000_000, 868_100_000)
    assert parts.airtime.reserve("board", long, 140, now_us).is_allowed
    assert not parts.airtime.reserve("board", long, 140, now_us).is_allowed
    parts.airtime.release("board", long)
    parts.reopen()
    assert parts.airtime.reserve("board", long, 140, now_us).is_allowed


def test_too_much_power_is_refused(parts: Parts) -> None:
    now_us = 1_700_000_000_000_000
    decision = parts.airtime.reserve("board", Transmission(now_us, 1000, 868_100_000), 300, now_us)
    assert decision.reason == "eirp"


def add_report(reports: Reports, kind: ReportKind, data: bytes, report: bytes) -> bool:
    return reports.add(kind, data, report, b"n" * 32, b"claim of " + report, 500, 1000)


def test_reports_are_kept_until_accepted_or_expired(parts: Parts) -> None:
    reports = Reports(parts.database, limit=3)
    assert add_report(reports, "witness", b"d1", b"r1")
    assert not add_report(reports, "witness", b"d1", b"r1 again")
    assert add_report(reports, "beacon", b"d1", b"r2")
    first = reports.pending()[0]
    assert (first.report, first.claim, first.nonce) == (b"r1", b"claim of r1", b"n" * 32)
    assert (first.is_claimed, first.openings_from_ms, first.expires_at_ms) == (False, 500, 1000)
    reports.mark_claimed(first.id)
    assert [kept.is_claimed for kept in reports.pending()] == [True, False]
    reports.finish(first.id)
    assert [kept.report for kept in reports.pending()] == [b"r2"]
    assert not add_report(reports, "witness", b"d1", b"heard again")
    assert reports.forget_before(999) == 0
    assert reports.forget_before(1000) == 1  # the beacon's, never accepted
    assert reports.pending() == []


def test_reports_are_bounded_and_earlier_rounds_go_first(parts: Parts) -> None:
    reports = Reports(parts.database, limit=3)
    for number in range(5):
        claim = b"c%d" % number
        assert reports.add("witness", b"d%d" % number, b"r", b"n" * 32, claim, 500, 1000 + number)
    assert [kept.data for kept in reports.pending()] == [b"d2", b"d3", b"d4"]


def test_no_flood_makes_a_beacon_forgotten_before_its_round_ends(parts: Parts) -> None:
    """Else its bytes, sent again, would be reported twice with two measurements."""
    reports = Reports(parts.database, limit=3)
    assert add_report(reports, "witness", b"d0", b"r")
    reports.finish(reports.pending()[0].id)
    taken = [add_report(reports, "witness", b"flood%d" % number, b"r") for number in range(9)]
    assert taken == [True, True] + [False] * 7
    assert not add_report(reports, "witness", b"d0", b"heard again")
    assert add_report(reports, "beacon", b"own", b"r"), "one's own beacon always has room"
    assert not add_report(reports, "witness", b"d0", b"heard again")
    reports.forget_before(1000)
    assert reports.add("witness", b"next", b"r", b"n" * 32, b"c", 1500, 2000)


def undo_version_3(parts: Parts) -> None:
    """Channels that are closing, allotments, proofs of fraud."""
    for column in ("allotted_data_credits", "closing_at_ms", "is_settled"):
        parts.database.connection.execute(f"ALTER TABLE vouchers DROP COLUMN {column}")
    parts.database.connection.execute("DROP TABLE disputes")


def test_vouchers_of_before_allotments_stay(parts: Parts) -> None:
    parts.vouchers.settle("r", b"", 0, make_voucher(1, 5, 2))
    undo_version_3(parts)
    parts.database.connection.execute("PRAGMA user_version=2")
    parts.reopen()
    assert [kept.total_data_credits for kept in parts.vouchers.get_unclaimed()] == [5]
    assert parts.vouchers.get_balance("r").uncovered_data_credits == 5
    assert parts.vouchers.get_unreported() == []


def test_a_database_from_before_claims_is_brought_up_to_date(parts: Parts) -> None:
    connection = parts.database.connection
    connection.execute("DROP TABLE reports")
    connection.execute("CREATE TABLE reports (id INTEGER PRIMARY KEY, kind TEXT, data BLOB, report BLOB)")
    connection.execute("INSERT INTO reports VALUES (1, 'witness', x'01', x'02')")
    undo_version_3(parts)
    connection.execute("PRAGMA user_version=1")
    parts.database.put_fact("kept", b"yes")
    parts.reopen()
    assert parts.database.get_fact("kept") == b"yes"
    reports = Reports(parts.database)
    assert reports.pending() == [] and add_report(reports, "witness", b"d1", b"r1")
    assert parts.database.connection.execute("PRAGMA user_version").fetchone() == (3,)
