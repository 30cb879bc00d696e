"""The live feed's queues: bounded, apart from each other."""

import gc

import pytest

from chain.explorer.live import LiveFeed, TooManyListeners


async def test_a_slow_listener_is_told_what_it_missed() -> None:
    feed = LiveFeed(room=3)
    slow, quick = feed.join(), feed.join()
    for height in range(1, 6):
        feed.publish({"height": height})
        assert await quick.next() == (0, {"height": height})
    # Three fitted; the fourth came to a full queue: these three went, and that is said with what came then.
    assert await slow.next() == (3, {"height": 4})
    assert await slow.next() == (0, {"height": 5})


async def test_the_end_is_told() -> None:
    feed = LiveFeed(room=1)
    listener = feed.join()
    feed.publish({"height": 1})
    feed.close()
    assert await listener.next() == (1, None)
    with pytest.raises(TooManyListeners, match="stopping"):
        feed.join()


async def test_listeners_are_limited_and_leave() -> None:
    feed = LiveFeed(most=2)
    first, second = feed.join(), feed.join()
    with pytest.raises(TooManyListeners):
        feed.join()
    feed.leave(first)
    third = feed.join()
    assert feed.listeners == 2
    del second, third  # a client that is gone before its stream began
    gc.collect()
    assert feed.listeners == 0
