"""The chain node as a service: mempool, block producer, HTTP API, gRPC server, faucet, event lines.

Everything that waits, listens or looks at a clock is here; the rules it calls are in the folders beside.
`node.Node` is the service, `http_api` and `grpc_server` its doors, `run` starts them.
`chain/node/coverage_services.py` holds the Proof-of-Coverage services that gateways speak. May enter: I/O.
May not: a rule.
"""
