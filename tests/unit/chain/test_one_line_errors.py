"""What goes wrong at a command ends with one line that names the value and the remedy."""

import asyncio
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from chain.client import BadNodeUrl, ChainClient, ChainUnavailable

from .process import ROOT, init, run_cli

_PROGRAMS = {
    "chain": ["chain.cli", "app"],
    "router": ["router.cli", "app"],
    "hotspot": ["hotspot_host.cli", "app"],
}


async def run_program(program: str, *words: str) -> tuple[int, list[str]]:
    """Exit code and stderr's lines."""
    module, name = _PROGRAMS[program]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", f"from {module} import {name}; {name}()", *words,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    _, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, errors.decode().splitlines()


@contextmanager
def taken_port() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    "words",
    [
        ["chain", "init"],
        ["chain", "run"],
        ["router", "run", "--chain", "http://127.0.0.1:9"],
        ["hotspot", "setup", "--port", "p", "--location", "1,2", "--yes", "--chain", "http://h",
         "--chain-grpc", "h:1"],
        ["hotspot", "run"],
    ],
)  # fmt: skip
@pytest.mark.parametrize("inside", ["", "/inside"])
async def test_a_file_is_no_folder(words: list[str], inside: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    code, errors = await run_program(*words, "--data-dir", f"{file}{inside}")
    assert code == 1
    assert [line.rpartition(": ")[2] for line in errors] == [f"{file} is a file; give a folder"]


@pytest.mark.parametrize("option", ["--http", "--grpc"])
async def test_a_taken_port_of_the_node_is_named(option: str, tmp_path: Path) -> None:
    init(tmp_path)
    ports = {"--http": "127.0.0.1:0", "--grpc": "127.0.0.1:0"}
    with taken_port() as address:
        ports[option] = address
        words = [word for pair in ports.items() for word in pair]
        code, errors = await run_program("chain", "run", "--data-dir", str(tmp_path), *words)
    assert (code, len(errors)) == (1, 1), errors
    assert address in errors[0] and option in errors[0]


@pytest.mark.parametrize("option", ["--http", "--grpc", "--mqtt"])
async def test_a_taken_port_of_the_router_is_named(option: str, tmp_path: Path) -> None:
    with taken_port() as address:
        words = ["--chain", "http://127.0.0.1:9", "--data-dir", str(tmp_path), option, address]
        code, errors = await run_program("router", "run", *words)
    assert (code, len(errors)) == (1, 1), errors
    assert address in errors[0] and option in errors[0]


@pytest.mark.parametrize("name", ["", "a b", "-x", "n" * 33])
def test_a_network_needs_a_name(name: str, tmp_path: Path) -> None:
    done = run_cli("init", f"--name={name}", "--data-dir", str(tmp_path / "chain"))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert repr(name) in done.stderr
    assert not (tmp_path / "chain").exists()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "no HTTP answer"),
        (b"", "no HTTP answer"),
        (b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "as no chain node"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhtml", "unexpected answer"),
    ],
)
async def test_what_is_no_node_is_named(answer: bytes, words: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        code, errors = await run_program("chain", "supply", "--url", url)
    assert (code, len(errors)) == (1, 1), errors
    assert url in errors[0] and words in errors[0]


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://h", "http://h:99999", "http://[::", ""])
async def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(BadNodeUrl):
        async with ChainClient(url) as chain:
            await chain.status()


async def test_a_slow_node(monkeypatch: pytest.MonkeyPatch) -> None:
    async def time_out(*_: object) -> None:
        raise httpx.ReadTimeout("")

    async with ChainClient("http://h") as chain:
        monkeypatch.setattr(chain._http, "send", time_out)
        with pytest.raises(ChainUnavailable, match="http://h: no answer in time"):
            await chain.status()
