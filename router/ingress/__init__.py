"""Where hotspots come in: the gRPC service `packet_router` that deployed Helium gateways speak too.

`stream_session` checks one stream's messages (pure), `token_bucket` paces (pure), `hotspots` knows who is on
the chain, `server` is the gRPC server with its streams. May import ``chain`` and ``router.network``; what a
packet means is decided elsewhere.
"""
