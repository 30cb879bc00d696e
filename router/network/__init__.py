"""What the network decides, as pure functions and state machines on frozen values.

`dedup` merges the receptions of one transmission, `uplink` matches it to a session and checks its counter,
`join` answers join-requests, `mac` answers MAC commands, `downlink` chooses a hotspot and its windows,
`frame_view` describes any frame. No I/O, no clock, no randomness: times and random bytes come in as values.
May import ``router.lorawan``, ``hardware.lora`` and nothing of the folders beside it.
"""
