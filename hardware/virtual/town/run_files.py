"""Ports, files and the lock of one run."""

import contextlib
import fcntl
import json
import os
import socket
from pathlib import Path
from typing import IO

from hardware.virtual.town import TownError
from hardware.virtual.town.places import parse_place

DEFAULT_PLACE = "46.948,7.4474"


def is_port_free(host: str, port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def choose_ports(memory: Path, host: str, usual: dict[str, int], wanted: dict[str, int]) -> dict[str, int]:
    """A port for each name: the wanted one, else that of the last run, else the usual one, else any free one.

    Names that start with ``gwmp`` are UDP, all others TCP. The choice is remembered in ``memory``.

    Raises:
        TownError: a wanted port is taken.
    """
    remembered: dict[str, int] = {}
    with contextlib.suppress(OSError, ValueError):
        remembered = json.loads(memory.read_text())
    chosen: dict[str, int] = {}
    for name, usual_port in usual.items():
        kind = socket.SOCK_DGRAM if name.startswith("gwmp") else socket.SOCK_STREAM
        port = wanted.get(name, 0)
        if port:
            if not is_port_free(host, port, kind):
                raise TownError(
                    f"port {port} (for {name}) is taken on {host}; choose another or leave it out"
                )
            chosen[name] = port
            continue
        for port in (remembered.get(name, usual_port), usual_port):
            if port not in chosen.values() and is_port_free(host, port, kind):
                chosen[name] = port
                break
        else:
            with socket.socket(socket.AF_INET, kind) as probe:
                try:
                    probe.bind((host, 0))
                except OSError as error:
                    raise TownError(f"--host {host}: {error.strerror}; try 127.0.0.1 or 0.0.0.0") from None
                chosen[name] = probe.getsockname()[1]
    write_file(memory, json.dumps(chosen, indent=1))
    return chosen


def write_file(path: Path, text: str, mode: int = 0o600) -> None:
    """Whole or not at all, also across a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def choose_place(data_dir: Path, wanted: str | None) -> tuple[float, float]:
    """The middle of the town: that of the last run, else ``wanted``, else `DEFAULT_PLACE`.

    Raises:
        TownError: no place, or another one than the hotspots of this folder stand at.
    """
    place = parse_place(wanted or DEFAULT_PLACE)
    try:
        lat, lng = json.loads((data_dir / "town.json").read_text())["where"]
    except (OSError, ValueError, KeyError, TypeError):
        return place
    if wanted and place != (lat, lng):
        raise TownError(
            f"--where {wanted}: the town in {data_dir} is at {lat},{lng}; leave --where out, or give another "
            "--data-dir"
        )
    return float(lat), float(lng)


def lock_data_dir(data_dir: Path) -> IO[str]:
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = (data_dir / "up.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TownError(
            f"another `hexhaul up` runs on {data_dir}; stop it or give another --data-dir"
        ) from None
    return lock
