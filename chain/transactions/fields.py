"""The field types that transaction bodies are made of, with their bounds."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from chain.ledger.amounts import MAX_AMOUNT

Key = Annotated[bytes, Meta(min_length=33, max_length=33)]
"""A public key: network and type byte, 32 bytes."""
Amount = Annotated[int, Meta(ge=0, le=MAX_AMOUNT)]
Nonce = Annotated[int, Meta(ge=1, le=MAX_AMOUNT)]
Hash = Annotated[bytes, Meta(min_length=32, max_length=32)]
Cell = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""An H3 cell as an integer."""
Epoch = Annotated[int, Meta(ge=0, le=2**40)]
Height = Annotated[int, Meta(ge=0, le=2**62)]

MAX_MEMO_BYTES = 64
MAX_GRPC_CHARACTERS = 255
MAX_LIST = 256
#: Most keys that sign a decision together: 16 signatures of 64 bytes fit well into a transaction.
MAX_APPROVERS = 16
MAX_PRICE_REPORTERS = 64
