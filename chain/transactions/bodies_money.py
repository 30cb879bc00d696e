"""Bodies that move money: payment, burn, and the reports that make its price."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from chain.transactions.fields import MAX_LIST, MAX_MEMO_BYTES, Amount, Key, Nonce


class Payee(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One receiver of a payment."""

    account: Key
    hxt: Amount
    """Base units."""


class Payment(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=1):
    """HXT from the payer to others."""

    payer: Key
    nonce: Nonce
    fee: Amount
    payees: Annotated[tuple[Payee, ...], Meta(max_length=MAX_LIST)]
    memo: Annotated[bytes, Meta(max_length=MAX_MEMO_BYTES)] = b""


class Burn(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=2):
    """HXT of the payer burns and becomes data credits of the payee, at the oracle price."""

    payer: Key
    nonce: Nonce
    fee: Amount
    payee: Key
    hxt: Amount
    """Base units."""


class PriceReport(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=9):
    """A named reporter says what one HXT costs. Signed by payer and reporter."""

    payer: Key
    nonce: Nonce
    fee: Amount
    reporter: Key
    hxt_price: Annotated[int, Meta(ge=1, le=10**15)]
    """USD per HXT x 10^8."""
