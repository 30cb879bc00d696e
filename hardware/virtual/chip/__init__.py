"""Radio chips at their registers: what a driver sees through SPI, reset and the DIO lines.

`sx1276` is the chip; `registers` its map, `settings` what the registers mean, `receiver` the pure rules of
which arriving signal is received. What real silicon wouldn't forgive is collected as faults instead of being
repaired. May enter: chips by their data sheets. Not: drivers, boards, the path between antennas
(`hardware.virtual.ether`).
"""
