"""One virtual board as one process: a MicroPython guest, the pins around it, and a pty as its serial port.

``guest`` runs the interpreter, ``operations`` answers what the guest's ``shims/`` (machine, time, select...)
ask of the hardware, ``device`` wires pins, buses and chips and holds resets, ``process`` is the command.
What enters: the microcontroller's side of the model; chips live in ``hardware.virtual.chip``, the air in
``hardware.virtual.ether``.
"""
