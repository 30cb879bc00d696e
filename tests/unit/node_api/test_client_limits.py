"""How often one client may ask: buckets with a clock of the test's, and over a socket."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.node.client_limits import BURST_S, ClientLimits, Rates, get_client, limit_clients


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_then_the_rate() -> None:
    clock = Clock()
    limits = ClientLimits(Rates(others=10), clock=clock)
    assert [limits.take("192.0.2.1") for _ in range(10 * BURST_S)] == [0] * 10 * BURST_S
    assert limits.take("192.0.2.1") == pytest.approx(0.1)
    assert limits.take("192.0.2.2") == 0  # another's bucket
    clock.now += 0.1
    assert limits.take("192.0.2.1") == 0
    assert limits.take("192.0.2.1") == pytest.approx(0.1)
    clock.now += 1_000
    assert [limits.take("192.0.2.1") for _ in range(10 * BURST_S + 1)][-2:] == [0, pytest.approx(0.1)]


def test_programs_on_this_machine_have_their_own_rate() -> None:
    limits = ClientLimits(Rates(others=1, this_machine=100), clock=Clock())
    assert not any(limits.take("127.0.0.1") for _ in range(100 * BURST_S))
    assert limits.take("127.0.0.1") > 0
    assert not any(limits.take("::1") for _ in range(100 * BURST_S))


def test_zero_is_no_limit() -> None:
    limits = ClientLimits(Rates(others=0, this_machine=0), clock=Clock())
    assert not any(limits.take("192.0.2.1") or limits.take("127.0.0.1") for _ in range(10_000))
    assert limits.clients == 0


@pytest.mark.parametrize(
    ("address", "client", "is_local"),
    [
        ("192.0.2.1", "192.0.2.1", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.1.2.3", "127.1.2.3", True),
        ("::1", "::1", True),
        ("::ffff:192.0.2.1", "192.0.2.1", False),
        ("::ffff:127.0.0.1", "127.0.0.1", True),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", False),
        ("fe80::1%eth0", "fe80::/64", False),
        ("", "", False),
        ("localhost.evil.example", "localhost.evil.example", False),
        ("x" * 500, "x" * 64, False),
    ],
)
def test_who_a_client_is(address: str, client: str, is_local: bool) -> None:
    assert get_client(address) == (client, is_local)


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 3)), max_size=300))
def test_the_table_stays_small_and_no_one_exceeds_the_rate(asks: list[tuple[int, float]]) -> None:
    clock = Clock()
    limits = ClientLimits(Rates(others=2), room=60, clock=clock)
    passed: dict[int, int] = {}
    for client, pause in asks:
        clock.now += pause
        if limits.take(f"198.51.100.{client}") == 0:
            passed[client] = passed.get(client, 0) + 1
        assert limits.clients <= 60
    most = 2 * BURST_S + 2 * (clock.now - 1_000)
    assert all(number <= most + 1e-6 for number in passed.values())


def test_many_clients_push_out_the_oldest() -> None:
    limits = ClientLimits(Rates(others=1), room=5, clock=Clock())
    for number in range(100):
        limits.take(f"203.0.113.{number}")
    assert limits.clients == 5


async def test_who_asks_too_often_is_told_when_to_ask_again() -> None:
    asked = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal asked
        asked += 1

    limited = limit_clients(app, ClientLimits(Rates(others=1), clock=Clock()))
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "client": ("192.0.2.9", 1234)}
    for _ in range(BURST_S + 3):
        await limited(scope, None, send)
    await limited({"type": "lifespan"}, None, send)
    assert asked == BURST_S + 1
    assert [message["status"] for message in sent if "status" in message] == [429] * 3
    headers = dict(sent[0]["headers"])
    assert headers[b"retry-after"] == b"1"
    assert headers[b"access-control-allow-origin"] == b"*"
    error = json.loads(sent[1]["body"])["error"]
    assert error["code"] == "rate_limit" and "again in 1 s" in error["message"]


def test_over_a_socket(http: httpx.Client) -> None:
    """A proxy on this machine that names the client is believed."""
    others = {"X-Forwarded-For": "198.51.100.77"}
    answers = [http.get("/v1/producer", headers=others) for _ in range(BURST_S + 40)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused and int(refused[0].headers["retry-after"]) >= 1
    assert refused[0].json()["error"]["code"] == "rate_limit"
    assert http.get("/v1/producer").status_code == 200
