"""A node that is told to stop ends open live streams itself: quickly, and with nothing on stderr."""

import threading
import time
from pathlib import Path

import httpx

from tests.unit.chain.process import NodeProcess, init


def test_stop_with_listeners(tmp_path: Path) -> None:
    folder = tmp_path / "chain"
    init(folder)
    ends: list[str] = []
    listening = threading.Barrier(3)

    def listen(url: str) -> None:
        with httpx.stream("GET", f"{url}/v1/live", timeout=30, trust_env=False) as stream:
            lines = stream.iter_lines()
            next(lines)
            listening.wait(20)
            for _ in lines:
                pass
        ends.append("clean")

    with NodeProcess(folder) as node:
        threads = [threading.Thread(target=listen, args=(node.url,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        listening.wait(20)
        begin = time.monotonic()
        assert node.stop() == 0
        assert time.monotonic() - begin < 2
        for thread in threads:
            thread.join(10)
        assert node.process.stderr is not None
        assert "Traceback" not in node.process.stderr.read()
    assert ends == ["clean", "clean"]
