"""Checking a node from outside: an epoch done again from blocks and bundles, over nothing but its HTTP API.

`epoch` fetches a state that the producer signed, applies the rules to every block of the epoch, and compares
what comes out with what the node says it paid. May enter: what a stranger can do with a network file and a
URL. May not: the node's database, or its word.
"""
