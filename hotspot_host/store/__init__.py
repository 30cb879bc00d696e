"""What a hotspot must not forget, in one SQLite file: packets that no router has answered for, vouchers,
airtime spent, coverage reports not yet accepted.

Everything here is on the disk (WAL, synchronous=FULL) before anything is acknowledged to a board, a
concentrator or a router. May import ``chain.write_point`` and the protocol messages of ``chain.wire``.
"""
