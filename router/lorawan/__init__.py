"""LoRaWAN as a pure library: bytes and values in, values out; no I/O, no clock, no state but key caches.

Frames (``frames``), their cryptography (``data_crypto``, ``join``), MAC commands, regional rules, ADR, the
Semtech UDP protocol (``gwmp``) and payload formats. Byte strings that people write (EUI, DevAddr, NetID,
keys) are kept most significant byte first, as written; only ``phy_payload`` and its parts are as sent over
the air. May import ``hardware.lora`` and nothing else of this house.
"""
