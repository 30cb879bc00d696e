"""The embedded broker's door, and when the outbox opens after a restart."""

from pathlib import Path

import pytest
from pwdlib import PasswordHash

from router.applications.broker import BrokerError, EmbeddedBroker, is_loopback, read_password_file
from router.applications.outbox import PATIENCE_S, StartGate, note_clean_stop, recover_after_crash
from router.store.database import Database
from router.store.events import add_event, count_unpublished, mark_published
from tests.unit.router.processes import MosquittoSub, publish

DOWN = "application/29b1f80f-a922-5ecc-b5f7-1f7b55913c5e/device/0101010101010101/command/down"


def make_broker(password_file: Path | None, commands: list[str], host: str = "127.0.0.1") -> EmbeddedBroker:
    return EmbeddedBroker(
        host, 0, "own", lambda topic, _: commands.append(topic), lambda: None, password_file
    )


@pytest.mark.usefixtures("mosquitto_tools")
async def test_with_a_password_file_only_its_users_get_in(tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text(f"# owners\nanna:{PasswordHash.recommended().hash('secret')}\n")
    commands: list[str] = []
    broker = make_broker(users, commands)
    address = f"127.0.0.1:{await broker.start()}"
    try:
        for wrong in (
            (),
            ("-u", "anna", "-P", "wrong"),
            ("-u", "bob", "-P", "secret"),
            ("-u", "hexhaul-router", "-P", "x"),
        ):
            with pytest.raises(AssertionError, match=r"(?i)refused|not authori"):
                await publish(address, DOWN, "{}", *wrong)
        assert commands == []
        async with MosquittoSub(address, "-u", "anna", "-P", "secret"):
            await publish(address, DOWN, "{}", "-u", "anna", "-P", "secret")
        assert commands == [DOWN]
    finally:
        await broker.stop()


def test_an_open_broker_stays_on_this_machine(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match="--mqtt-password-file"):
        make_broker(None, [], "0.0.0.0")
    assert is_loopback("localhost")
    assert is_loopback("::1")
    assert not is_loopback("example.org")
    for content in ("anna:plain", "hexhaul-router:$argon2id$x", "anna"):
        (tmp_path / "users").write_text(content)
        with pytest.raises(BrokerError, match="line 1"):
            read_password_file(tmp_path / "users")


def test_recent_events_go_out_again_after_a_crash_only(tmp_path: Path) -> None:
    database = Database(tmp_path / "r.db")
    assert recover_after_crash(database, is_embedded=True) == 0
    with database.transaction("t") as tx:
        add_event(tx, bytes(8), "up", "topic", b"{}", 1)
        mark_published(tx, [1], 1000)
    note_clean_stop(database)
    assert recover_after_crash(database, is_embedded=True) == 0
    assert recover_after_crash(database, is_embedded=False) == 0, "an outside broker remembers"
    assert recover_after_crash(database, is_embedded=True) == 1
    assert count_unpublished(database.read()) == 1


def test_the_gate_waits_for_as_many_as_there_were(tmp_path: Path) -> None:
    database, now, count = Database(tmp_path / "r.db"), [0.0], [0]
    first = StartGate(database, lambda: count[0], lambda: now[0])
    assert first.is_open(), "nobody was ever there"
    count[0] = 2
    assert first.is_open()
    count[0] = 1
    again = StartGate(database, lambda: count[0], lambda: now[0])
    assert not again.is_open()
    count[0] = 2
    assert again.is_open()
    count[0] = 0
    impatient = StartGate(database, lambda: count[0], lambda: now[0])
    assert not impatient.is_open()
    now[0] = PATIENCE_S
    assert impatient.is_open()
