"""Who decides about the network and how a decision takes effect; the price oracle; validators and the
producer.

`approval` names the deciding keys, `schedule` the decisions that wait for their height, `price_oracle` the
median, `producer` whose blocks count, `validators` the stakes; `block_start` is all that happens before a
block's transactions; `process_*` one file a transaction. Stands on `chain/ledger`. Pure: integers only, no
clock, no I/O. May enter: a decision about the network. May not: what a hotspot or a router does.
"""
