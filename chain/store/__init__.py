"""The node's durable store: one sqlite file, one transaction per block, and how to write a small file safely.

Everything here is about bytes that must survive a power cut: blocks, ledger rows, events, the mempool of
acknowledged transactions. May enter: storage. May not: any rule about what the bytes mean.
"""
