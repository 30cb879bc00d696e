"""Data channels and vouchers: how a router pays hotspots for packets without a transaction each.

`voucher` is what router and hotspot exchange; `process_channel_open` and `process_channel_claim` are the
rules on chain. A router locks data credits in a channel, signs each hotspot a running total, and the
hotspot claims its newest one. May enter: the promise and its redemption. May not: when to sign or claim
(router and host decide that).
"""
