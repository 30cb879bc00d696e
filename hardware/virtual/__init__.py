"""Boards in software: the firmware runs unchanged on a real MicroPython, only the silicon is modelled.

``interpreter`` builds the MicroPython, ``board`` is one board as one process (pins, SPI, UARTs, flash),
``chip`` the SX1276 at its registers, ``ether`` the air between the boards. What enters: models of hardware
and what runs them. Only ``hexhaul.py`` and the tests start anything here; firmware and host never know.
"""
