"""The chain: who covered what, who is paid, and why.

Keys, transactions, ledger, Proof-of-Coverage rules, rewards by hex, data channels, blocks, the node
and the explorer. Rules are pure functions of state and bytes: integers only, no clock, no randomness.
May import ``hardware.lora``; router and hotspot_host build on it.
"""
