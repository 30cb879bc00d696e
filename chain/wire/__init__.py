"""Protobuf definitions of the gRPC services, and the code generated from them.

The messages and field numbers are those that deployed gateways speak; fields from 100 on are
hexhaul's own additions, which such a gateway ignores. ``make protos`` regenerates the code and a
test checks that it is fresh. Nothing is written by hand here but the ``.proto`` files.
"""
