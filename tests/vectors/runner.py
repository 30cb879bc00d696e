"""Finds vector files, runs their cases, says what failed and what is not implemented."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from tests.vectors.ops import OPS
from tests.vectors.outcomes import Mismatch, Unsupported

Say = Callable[[str], object]


class Totals(msgspec.Struct):
    """Counts over all files. ``not_implemented`` has the skipped cases by op."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    not_implemented: Counter[str] = msgspec.field(default_factory=Counter)


def run_folders(folders: Iterable[str | Path], say: Say) -> Totals:
    """Run every vector file in ``folders`` (and below); the last line said is "N passed, N failed, N
    skipped".
    """
    totals = Totals()
    for folder in folders:
        files = list(_list_files(Path(folder)))
        if not files:
            totals.failed += 1
            say(f"FAILED {folder}: no vector files (*.json) there")
        for file in files:
            _run_file(file, totals, say)
    for op, count in sorted(totals.not_implemented.items()):
        say(f"not implemented: {op} ({count} case{'' if count == 1 else 's'})")
    say(f"{totals.passed} passed, {totals.failed} failed, {totals.skipped} skipped")
    return totals


def _list_files(folder: Path) -> Iterator[Path]:
    if folder.is_file():
        yield folder
    elif folder.is_dir():
        yield from sorted(path for path in folder.rglob("*.json") if path.is_file())


def _run_file(file: Path, totals: Totals, say: Say) -> None:
    try:
        content = json.loads(file.read_bytes())
        cases = content["cases"]
        if not isinstance(cases, list):
            raise TypeError("cases is no array")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        totals.failed += 1
        say(f"FAILED {file.name}: no vector file ({type(error).__name__}: {error})")
        return
    for number, case in enumerate(cases):
        _run_case(file, number, case, totals, say)


def _run_case(file: Path, number: int, case: Any, totals: Totals, say: Say) -> None:
    name = case.get("name", f"case {number}") if isinstance(case, dict) else f"case {number}"
    try:
        given, expected, op = case["input"], case["expect"], case["input"]["op"]
        if not (isinstance(given, dict) and isinstance(expected, dict) and isinstance(op, str)):
            raise TypeError("input and expect are objects, op is text")
    except (KeyError, TypeError, AttributeError) as error:
        totals.failed += 1
        say(f"FAILED {file.name} | {name} | no vector case ({type(error).__name__}: {error})")
        return
    function = OPS.get(op)
    if function is None:
        totals.skipped += 1
        totals.not_implemented[op] += 1
        return
    try:
        got = function(given, expected)
    except Unsupported as reason:
        totals.skipped += 1
        totals.not_implemented[f"{op}: {reason}"] += 1
        return
    except Exception as error:  # a runner of foreign files goes on, whatever one of them provokes
        totals.failed += 1
        problem = str(error) if isinstance(error, Mismatch) else f"{type(error).__name__}: {error}"
        say(f"FAILED {file.name} | {name} | {op} | got {problem} | expected {_short(expected)}")
        return
    wrong = {key: got.get(key) for key, value in expected.items() if key not in got or got[key] != value}
    if wrong:
        totals.failed += 1
        right = {key: expected[key] for key in wrong}
        say(f"FAILED {file.name} | {name} | {op} | got {_short(wrong)} | expected {_short(right)}")
    else:
        totals.passed += 1


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 400 else text[:400] + "..."
