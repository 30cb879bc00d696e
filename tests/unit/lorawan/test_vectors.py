"""The known answers of other implementations, and the runner that asks for them."""

import json
import subprocess
import sys
from pathlib import Path

from tests.vectors.runner import run_folders

ROOT = Path(__file__).resolve().parents[3]

#: What passes today; a smaller number means that something known was lost.
PASSING = 417


def test_known_answers(shared: Path) -> None:
    said: list[str] = []
    totals = run_folders([shared / "vectors" / "lorawan"], said.append)
    assert totals.failed == 0, "\n".join(line for line in said if line.startswith("FAILED"))
    assert totals.passed >= PASSING
    assert said[-1] == f"{totals.passed} passed, 0 failed, {totals.skipped} skipped"
    assert totals.skipped == sum(totals.not_implemented.values())


def write(folder: Path, name: str, content: object) -> None:
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))


GOOD = {
    "name": "a",
    "input": {"op": "fctrl", "fields": {"adr": True, "f_opts_len": 2}},
    "expect": {"hex": "82"},
}


def run(folder: Path) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.vectors", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def test_a_good_folder_ends_with_exit_code_0(tmp_path: Path) -> None:
    unknown = GOOD | {"input": {"op": "teleport"}}
    write(tmp_path, "good__x.json", {"source": {}, "cases": [GOOD, unknown, unknown]})
    code, lines = run(tmp_path)
    assert (code, lines) == (0, ["not implemented: teleport (2 cases)", "1 passed, 0 failed, 2 skipped"])


def test_a_wrong_answer_is_named(tmp_path: Path) -> None:
    write(tmp_path, "wrong__x.json", {"cases": [GOOD, GOOD | {"name": "b", "expect": {"hex": "83"}}]})
    code, lines = run(tmp_path)
    assert code == 1
    assert lines[0] == 'FAILED wrong__x.json | b | fctrl | got {"hex": "82"} | expected {"hex": "83"}'
    assert lines[-1] == "1 passed, 1 failed, 0 skipped"


def test_a_missing_key_of_the_answer_is_a_failure(tmp_path: Path) -> None:
    write(tmp_path, "more__x.json", {"cases": [GOOD | {"expect": {"hex": "82", "colour": None}}]})
    code, lines = run(tmp_path)
    assert (code, lines[-1]) == (1, "0 passed, 1 failed, 0 skipped")


def test_malformed_files_and_cases_are_counted_and_the_rest_runs(tmp_path: Path) -> None:
    write(tmp_path, "a.json", "{")
    write(tmp_path, "b.json", [])
    write(tmp_path, "c.json", {"cases": {}})
    write(tmp_path, "d.json", "[" * 100_000)
    (tmp_path / "e.json").write_bytes(b"\xff\xfe\x00")
    cases: list[object] = [
        1,
        None,
        {},
        {"input": []},
        {"input": {"op": 1}, "expect": {}},
        {"input": {"op": "mic"}, "expect": 1},
    ]
    write(tmp_path, "f.json", {"cases": [*cases, {"input": {"op": "mic"}, "expect": {"mic": ""}}, GOOD]})
    code, lines = run(tmp_path)
    assert (code, lines[-1]) == (1, "1 passed, 12 failed, 0 skipped")
    assert sum("no vector file" in line for line in lines) == 5
    assert sum("no vector case" in line for line in lines) == 6


def test_an_empty_or_absent_folder_is_a_failure(tmp_path: Path) -> None:
    code, lines = run(tmp_path)
    assert (code, lines[-1]) == (1, "0 passed, 1 failed, 0 skipped")
    code, lines = run(tmp_path / "absent")
    assert (code, lines[-1]) == (1, "0 passed, 1 failed, 0 skipped")
