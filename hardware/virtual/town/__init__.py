"""A town of virtual boards on one machine: what `hexhaul up` and the network tests stand on.

Places (where things stand), ports and files of one run, and processes (start, wait until ready, restart
what dies, end all). Knows nothing of LoRaWAN, the chain or the commands it runs; those words come from
``hexhaul.py``.
"""


class TownError(Exception):
    """What cannot be done, said in one line that names the remedy."""
