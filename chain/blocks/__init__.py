"""Blocks: header, body, how a block is applied, and the engine that decides which block comes next.

`header`, `bundle`, `block_events` and `reports` are the shapes, `merkle` their roots and proofs, `limits`
what a block has room for, `application` runs a block's operations on the state, `engine` is the interface
between the state machine and whoever orders blocks (today one producer), `entropy` the producer's committed
hash chain, `genesis` the first state. May enter: order and limits of a block. May not: sockets, files,
clocks.
"""
