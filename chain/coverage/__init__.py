"""Proof-of-Coverage: who must beacon when, what a beacon says, and which reports are believed.

Pure rules: bytes and integers in, values with reason codes out; no clock, no randomness, no floats.
``process.py`` alone touches the ledger's state. Arrival times are data, signed by the node that took
a report in. May import ``chain.ledger``, ``chain.keys``, ``chain.wire``,
``chain.blocks.reports``, ``chain.rewards.reward_units`` and ``hardware.lora``.
"""
