"""``python -m hardware.virtual board|ether ...``: the same commands as ``hexhaul virtual``, without the
floors above.
"""

from hardware.virtual.cli import app

app()
