"""Hardware: LoRa physics as pure functions, the boards one can buy, and boards in software.

``lora`` and ``boards`` import nothing; ``virtual`` runs the firmware on a modelled board and is started
only by ``hexhaul.py`` and the tests.
"""
