"""Ports, files, the lock and the places of one run."""

import socket
from pathlib import Path

import pytest

from hardware.virtual.town import TownError
from hardware.virtual.town.places import compute_offset, compute_spiral, parse_place
from hardware.virtual.town.run_files import choose_place, choose_ports, lock_data_dir, write_file

HOST = "127.0.0.1"


def get_free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def test_the_usual_port_is_taken_when_it_is_free_and_remembered(tmp_path: Path) -> None:
    memory, port, other = tmp_path / "ports.json", get_free_port(), get_free_port()
    assert choose_ports(memory, HOST, {"map": port}, {}) == {"map": port}
    assert choose_ports(memory, HOST, {"map": other}, {}) == {"map": port}


def test_an_occupied_usual_port_gives_another_one(tmp_path: Path) -> None:
    with socket.socket() as occupier:
        occupier.bind((HOST, 0))
        occupier.listen()
        port = occupier.getsockname()[1]
        chosen = choose_ports(tmp_path / "ports.json", HOST, {"map": port}, {"map": 0})
    assert chosen["map"] != port


def test_an_occupied_wanted_port_is_an_error_that_names_it(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as occupier:
        occupier.bind((HOST, 0))
        port = occupier.getsockname()[1]
        with pytest.raises(TownError, match=rf"port {port} \(for gwmp-0\) is taken"):
            choose_ports(tmp_path / "ports.json", HOST, {"gwmp-0": 1}, {"gwmp-0": port})


def test_two_names_never_share_a_port(tmp_path: Path) -> None:
    port = get_free_port()
    chosen = choose_ports(tmp_path / "ports.json", HOST, {"map": port, "console": port}, {})
    assert len(set(chosen.values())) == 2


def test_only_one_run_on_a_data_dir(tmp_path: Path) -> None:
    with lock_data_dir(tmp_path), pytest.raises(TownError, match="another `hexhaul up` runs"):
        lock_data_dir(tmp_path)
    lock_data_dir(tmp_path).close()


def test_files_are_private_and_leave_nothing_beside_them(tmp_path: Path) -> None:
    write_file(tmp_path / "a" / "keys.json", "secret")
    assert (tmp_path / "a" / "keys.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["keys.json"]


def test_places_are_as_far_as_asked() -> None:
    from math import cos, hypot, radians

    lat, lng = compute_offset(46.948, 7.4474, 1000, 37)
    metres = hypot((lat - 46.948) * 111_320, (lng - 7.4474) * 111_320 * cos(radians(46.948)))
    assert abs(metres - 1000) < 1
    places = compute_spiral(46.948, 7.4474, 6)
    pairs = [(a, b) for i, a in enumerate(places) for b in places[:i]]
    gaps = [hypot((a[0] - b[0]) * 111_320, (a[1] - b[1]) * 111_320 * cos(radians(46.948))) for a, b in pairs]
    assert min(gaps) > 500


@pytest.mark.parametrize("text", ["", "46.9", "here,there", "46.9;7.4", "91,7", "46,181"])
def test_a_place_that_is_none_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(TownError, match="--where"):
        parse_place(text)


def test_a_town_stays_where_it_was(tmp_path: Path) -> None:
    assert choose_place(tmp_path, None) == (46.948, 7.4474)
    assert choose_place(tmp_path, "52.37,4.89") == (52.37, 4.89)
    write_file(tmp_path / "town.json", '{"where": [52.37, 4.89]}')
    assert choose_place(tmp_path, None) == (52.37, 4.89)
    assert choose_place(tmp_path, "52.37,4.89") == (52.37, 4.89)
    with pytest.raises(TownError, match=r"is at 52\.37,4\.89; leave --where out"):
        choose_place(tmp_path, "46.948,7.4474")
