"""What others need to check this node instead of trusting it: proofs under a signed header, and the raw bytes
of blocks and bundles.

    GET /v1/proofs/state?table=&key=    a row of the state, or that there is none, under the last header
    GET /v1/proofs/transactions/{id}    that a transaction is in its block
    GET /v1/blocks/{height}/raw         a block's bytes, as its hash and roots are over them
    GET /v1/bundles/{root}              a bundle's bytes

`chain/light_client.py` checks the first two without any of this code.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, cast

import msgspec
from litestar import Response, get
from litestar.datastructures import State as AppState
from litestar.exceptions import ClientException, NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import Parameter

from chain.blocks.bundle import EMPTY_BUNDLE, EMPTY_BUNDLE_ROOT, encode_bundle
from chain.blocks.header import Block, Header, decode_block, make_transaction_proof
from chain.ledger.state_tree import HASH_BYTES, verify_state_proof
from chain.node.node import Node
from chain.store.chain_store import ChainStore

MAX_KEY_BYTES = 256
MAX_HEIGHT = 2**63 - 1
_OCTETS = "application/octet-stream"
_TRIES = 10


class HeaderFields(msgspec.Struct, frozen=True, kw_only=True):
    """All fields of a header, in the order in which they are hashed; bytes in hex."""

    chain_id: str
    height: int
    previous_hash: str
    time_ms: int
    producer: str
    """33 bytes in hex: network and type, then the key."""
    protocol_version: int
    transactions_root: str
    bundle_root: str
    events_digest: str
    state_root: str
    entropy_reveal: str
    signature: str


class StateProofAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/proofs/state"""

    header: HeaderFields
    key: str
    """The row's whole key in hex: the table's name, a zero byte, the key in the table."""
    value: str | None
    """The row in hex (MessagePack); null where there is none."""
    entries: str
    """Content of the key's bucket: path and value hash of each row, in hex."""
    siblings: list[str]
    """From the bucket up to below the state root."""


class TransactionProofAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/proofs/transactions/{id}"""

    header: HeaderFields
    transaction: str
    """The signed transaction's bytes in hex."""
    index: int
    leaves: int
    """How many transactions the block has."""
    siblings: list[str]
    """From the transaction up to below the transactions root."""


def get_proof_routes() -> list[HTTPRouteHandler]:
    """The route handlers of this file, to be mounted under /v1; the application's state holds `node`."""
    return [prove_state, prove_transaction, get_raw_block, get_raw_bundle]


@get("/proofs/state")
async def prove_state(
    state: AppState,
    table: Annotated[str, Parameter(description="Name of the table, such as account, hotspot, channel.")],
    key: Annotated[str, Parameter(description="Key in the table, in hex; an account's: its 33 bytes.")] = "",
) -> StateProofAnswer:
    """Prove a row of the state as of the last block, or that there is none."""
    node = cast(Node, state.node)
    if not table.isascii() or "\x00" in table:
        raise ClientException(f"table {table!r}: the names of tables are plain letters")
    row_key = table.encode("ascii") + b"\x00" + _parse_hex(key)
    if len(row_key) > MAX_KEY_BYTES:
        raise ClientException(f"key of {len(row_key)} bytes with its table: at most {MAX_KEY_BYTES}")
    bits = node.chain.genesis_parameters.state_tree_bits
    for _ in range(_TRIES):
        head, proof = node.engine.make_state_proof(row_key)
        if head.height == 0:
            raise NotFoundException("there is no block yet whose header could prove anything: try again soon")
        value = node.store.readable.get(row_key)
        proven = verify_state_proof(head.state_root, bits, row_key, proof)
        # Between the two reads a block may have changed the row: then once more.
        if proven == (None if value is None else sha256(value).digest()):
            break
    else:
        raise ClientException("the row changes with every look: try again", status_code=503)
    return StateProofAnswer(
        header=view_header(_get_block(node.store, head.height).header),
        key=row_key.hex(),
        value=None if value is None else value.hex(),
        entries=proof.entries.hex(),
        siblings=[sibling.hex() for sibling in proof.siblings],
    )


@get("/proofs/transactions/{id:str}")
async def prove_transaction(state: AppState, id: str) -> TransactionProofAnswer:
    """Prove that a transaction is in its block."""
    store = cast(Node, state.node).store
    outcome = store.get_outcome(_parse_hash(id))
    if outcome is None or outcome.position is None:
        raise NotFoundException(f"transaction {id} is in no block: GET /v1/transactions/{id} says more")
    block = _get_block(store, outcome.height)
    proof = make_transaction_proof(block, outcome.position)
    return TransactionProofAnswer(
        header=view_header(block.header),
        transaction=block.transactions[outcome.position].hex(),
        index=proof.index,
        leaves=proof.leaves,
        siblings=[sibling.hex() for sibling in proof.siblings],
    )


@get("/blocks/{height:int}/raw", media_type=_OCTETS)
async def get_raw_block(state: AppState, height: int) -> Response[bytes]:
    """A block's canonical bytes: header and transactions."""
    raw = cast(Node, state.node).store.get_block(height) if 0 < height <= MAX_HEIGHT else None
    if raw is None:
        raise NotFoundException(f"no block {height} here: it isn't made yet, or older than this node's state")
    return Response(raw, media_type=_OCTETS)


@get("/bundles/{root:str}", media_type=_OCTETS)
async def get_raw_bundle(state: AppState, root: str) -> Response[bytes]:
    """A bundle's canonical bytes: the reports of the block whose header names this root."""
    wanted = _parse_hash(root)
    if wanted == EMPTY_BUNDLE_ROOT:
        return Response(encode_bundle(EMPTY_BUNDLE), media_type=_OCTETS)
    raw = cast(Node, state.node).store.get_bundle(wanted)
    if raw is None:
        raise NotFoundException(f"no bundle {root} here: bundles are kept for `bundle_epochs` epochs")
    return Response(raw, media_type=_OCTETS)


def view_header(header: Header) -> HeaderFields:
    """A header with all that its hash is over."""
    return HeaderFields(
        chain_id=header.chain_id,
        height=header.height,
        previous_hash=header.previous_hash.hex(),
        time_ms=header.time_ms,
        producer=header.producer.hex(),
        protocol_version=header.protocol_version,
        transactions_root=header.transactions_root.hex(),
        bundle_root=header.bundle_root.hex(),
        events_digest=header.events_digest.hex(),
        state_root=header.state_root.hex(),
        entropy_reveal=header.entropy_reveal.hex(),
        signature=header.signature.hex(),
    )


def _get_block(store: ChainStore, height: int) -> Block:
    raw = store.get_block(height)
    if raw is None:
        raise NotFoundException(f"no block {height} here")
    return decode_block(raw)


def _parse_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise ClientException(f"{text[:80]!r} is not hex") from error


def _parse_hash(text: str) -> bytes:
    raw = _parse_hex(text)
    if len(raw) != HASH_BYTES:
        raise ClientException(f"{text[:80]!r} has {len(raw)} bytes: must be {HASH_BYTES}")
    return raw
