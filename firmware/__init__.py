"""MicroPython for the boards: the hotspot's radio end, the sensor, and the drivers they share.

``link.py`` is the one module that CPython imports too (the host's end of the board link). The rest sees
its neighbours by their flat names in the board's ``/lib``; ``README.md`` says what goes where.
Nothing enters from outside.
"""
