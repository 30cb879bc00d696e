"""What `hexhaul up` can't do is said in one line, without a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def run_up(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "hexhaul.py"), "up", "--hotspots", "1", "--sensors", "0", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--data-dir", "{file}"], "{file}"),
        (["--data-dir", "{file}/inside"], "{file}/inside"),
        (["--data-dir", "{folder}", "--host", "192.0.2.1"], "--host 192.0.2.1"),
        (["--data-dir", "{folder}", "--ready-file", "{file}/ready.json"], "{file}"),
    ],
)
def test_one_line_says_why_not(options: list[str], words: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    places = {"file": str(tmp_path / "file"), "folder": str(tmp_path / "folder")}
    done = run_up(*(option.format(**places) for option in options))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert words.format(**places) in done.stderr


def test_a_port_beyond_65535_is_refused(tmp_path: Path) -> None:
    done = run_up("--data-dir", str(tmp_path), "--map-port", "99999")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "--map-port" in done.stderr
