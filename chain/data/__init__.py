"""Data channels and vouchers: how a router pays hotspots for packets without a transaction each.

A router locks data credits in a channel (`process_channel_open`), may set parts of it aside for hotspots
(`process_channel_allot`), signs each hotspot a running total (`voucher`), and the hotspot claims its newest
one (`process_channel_claim`). The channel ends by its router's word, by its age, or by the proof of fraud
(`process_channel_close`, `process_channel_dispute`); after a last time to claim it is settled and forgotten
(`process_due_channels`). What is whose inside a channel stands in `channel_parts`, when something is due in
`calendar`.

May enter: promises and their redemption. May not: when to sign, allot or claim (router and host decide that).
"""
