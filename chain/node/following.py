"""A node that makes no blocks: it takes them from seeds, checks every one completely, and serves what it has
checked.

Where the seeds are away it waits, each time twice as long up to half a minute. A block that breaks a rule
stops it for good: what comes after such a block is not this chain. Transactions that it is given it hands on.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec

from chain import api
from chain.blocks.header import is_ahead_of_clock
from chain.node.node import Node, get_time_ms
from chain.node.seed_client import SeedClient, SeedUnavailable
from chain.transactions.reasons import InvalidTransaction, Reason

log = logging.getLogger(__name__)

_LONGEST_WAIT_S = 30.0
_FIRST_WAIT_S = 0.5


async def follow_forever(node: Node, seeds: SeedClient) -> None:
    """Keep up with the seeds. Raises InvalidBlock, BooksDontAddUp where a block is wrong."""
    wait_s = _FIRST_WAIT_S
    is_away = False
    while True:
        try:
            status = await seeds.get_status()
            if is_away:
                log.warning("seeds answer again: %s is at height %d", seeds.seeds[0], status.height)
                is_away = False
            wait_s = _FIRST_WAIT_S
            await catch_up(node, seeds, status.height)
        except SeedUnavailable as error:
            if not is_away:
                log.warning("no seed answers, waiting: %s", error)
                is_away = True
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
        await asyncio.sleep(wait_s)


async def catch_up(node: Node, seeds: SeedClient, height: int) -> None:
    """Take all blocks up to a height. Raises SeedUnavailable, and as `Node.take_block`."""
    while node.engine.head.height < height:
        block, bundle = await seeds.get_block(node.engine.head.height + 1)
        while is_ahead_of_clock(block.header, get_time_ms(), node.parameters.max_block_ahead_ms):
            await asyncio.sleep(_FIRST_WAIT_S)
        await node.take_block(block, bundle)


def forward_to(node: Node, seeds: SeedClient) -> None:
    """Have the node hand transactions on to the seeds."""

    async def forward(raw: bytes) -> bytes:
        try:
            response = await seeds.submit_transaction(raw)
        except SeedUnavailable as error:
            text = f"this node makes no blocks and none that does can be reached, try again later: {error}"
            raise InvalidTransaction(Reason.MEMPOOL_FULL, text) from error
        if response.is_success:
            return bytes.fromhex(msgspec.json.decode(response.content, type=api.Submitted).id)
        refused = msgspec.json.decode(response.content, type=api.ErrorResponse).error
        known = {reason.value: reason for reason in Reason}
        code = known.get(refused.code, Reason.INTERNAL_ERROR)
        raise InvalidTransaction(code, refused.message)

    node.forward_transaction = forward
