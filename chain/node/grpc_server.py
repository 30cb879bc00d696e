"""The gRPC server (h2c) that hosts the services which gateways speak: poc_entropy, poc_lora, iot_config."""

from __future__ import annotations

import importlib
import importlib.util

import grpc

from chain.node.node import Node

MAX_MESSAGE_BYTES = 64 * 1024
MAX_CONCURRENT_STREAMS = 1_000


async def start_grpc_server(node: Node, address: str) -> tuple[grpc.aio.Server, int]:
    """Start serving on "host:port" (port 0: any free one); returns the server and its port.

    Raises OSError where the address is taken.
    """
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_concurrent_streams", MAX_CONCURRENT_STREAMS),
            ("grpc.so_reuseport", 0),
        ]
    )
    if importlib.util.find_spec("chain.node.coverage_services") is not None:
        services = importlib.import_module("chain.node.coverage_services")
        node.report_counts = services.add_coverage_services(server, node, node.configuration_key).counts
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(
            f"gRPC address {address} can't be bound: is it taken? choose another with --grpc"
        ) from error
    if port == 0:
        raise OSError(f"gRPC address {address} can't be bound: is it taken? choose another with --grpc")
    await server.start()
    return server, port
