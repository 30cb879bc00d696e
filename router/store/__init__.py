"""What the router must not forget: one SQLite file (WAL, synchronous=FULL), mode 600 because it holds keys.

`database` opens it and gives transactions with named write points; one file each for `devices` (with sessions
and DevNonces), `queue` (downlinks), `events` (the outbox to MQTT, also the event store), `frames` (everything
heard, with receipts and hotspots) and `purchases` (channels, voucher totals). Functions take a `Transaction`
where they write. May import ``router.network.values``; no rule of the network lives here.
"""
