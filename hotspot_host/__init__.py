"""The hotspot's service on the computer beside the board.

Radio link, packet forwarding, Proof-of-Coverage, the payee's side of data credits, keys and set-up.
May import ``chain``, ``router.lorawan``, ``hardware.lora``, ``hardware.boards`` and ``firmware.link``.
"""
