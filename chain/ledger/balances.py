"""The only functions that move money. Each keeps the books: what is minted or burnt is written down as it
happens.

HXT is minted by rewards (and once at genesis on a test network) and burnt for data credits. Data credits
are minted by such a burn and burnt by fees and by vouchers that hotspots claim. `held` and `locked` are not
written here: the conservation check counts them from the accounts and channels that changed, which is what
makes it a check.
"""

from __future__ import annotations

from msgspec.structs import replace

from chain.ledger.amounts import MAX_AMOUNT
from chain.ledger.state import State
from chain.ledger.tables import ACCOUNTS, DATA_CREDITS, HXT, SUPPLY, Supply, get_account


class InsufficientFunds(Exception):
    """An account holds less than an operation takes."""


class AmountOverflow(Exception):
    """A balance would exceed MAX_AMOUNT."""


def credit_minted(state: State, payee: bytes, hxt: int) -> None:
    """Mint `hxt` base units to an account. For rewards and genesis."""
    _check_amount(hxt)
    _record(state, HXT, minted=hxt)
    credit_hxt(state, payee, hxt)


def credit_hxt(state: State, payee: bytes, hxt: int) -> None:
    """Add HXT that was taken from elsewhere."""
    _check_amount(hxt)
    account = get_account(state, payee)
    state.put(ACCOUNTS, payee, replace(account, hxt=_add(account.hxt, hxt)))


def debit_hxt(state: State, payer: bytes, hxt: int) -> None:
    """Take HXT that goes elsewhere. Raises InsufficientFunds."""
    _check_amount(hxt)
    account = get_account(state, payer)
    if account.hxt < hxt:
        raise InsufficientFunds(f"account holds {account.hxt} base units of HXT, {hxt} are needed")
    state.put(ACCOUNTS, payer, replace(account, hxt=account.hxt - hxt))


def burn_hxt(state: State, payer: bytes, hxt: int) -> None:
    """Take HXT out of the world. Raises InsufficientFunds."""
    debit_hxt(state, payer, hxt)
    _record(state, HXT, burnt=hxt)


def mint_data_credits(state: State, payee: bytes, data_credits: int, burnt_hxt: int = 0) -> None:
    """Mint data credits to an account: only where `burnt_hxt` burns for them in the same operation."""
    _check_amount(data_credits)
    _record(state, DATA_CREDITS, minted=data_credits)
    account = get_account(state, payee)
    state.put(
        ACCOUNTS,
        payee,
        replace(
            account,
            data_credits=_add(account.data_credits, data_credits),
            burnt_hxt=_add(account.burnt_hxt, burnt_hxt),
        ),
    )


def debit_data_credits(state: State, payer: bytes, data_credits: int) -> int:
    """Take data credits that get locked or burnt; returns the base units of HXT that had burnt for them.

    That part is rounded down, so that what a spender may get back is never more than it cost; the rest stays
    with the credits that remain. Raises InsufficientFunds.
    """
    _check_amount(data_credits)
    account = get_account(state, payer)
    if account.data_credits < data_credits:
        raise InsufficientFunds(
            f"account holds {account.data_credits} data credits, {data_credits} are needed: burn HXT for more"
        )
    burnt_hxt = compute_part(account.burnt_hxt, data_credits, account.data_credits)
    state.put(
        ACCOUNTS,
        payer,
        replace(
            account,
            data_credits=account.data_credits - data_credits,
            burnt_hxt=account.burnt_hxt - burnt_hxt,
        ),
    )
    return burnt_hxt


def credit_data_credits(state: State, payee: bytes, data_credits: int, burnt_hxt: int) -> None:
    """Give back data credits that were locked, with what had burnt for them."""
    _check_amount(data_credits)
    account = get_account(state, payee)
    state.put(
        ACCOUNTS,
        payee,
        replace(
            account,
            data_credits=_add(account.data_credits, data_credits),
            burnt_hxt=_add(account.burnt_hxt, burnt_hxt),
        ),
    )


def burn_data_credits(state: State, payer: bytes, data_credits: int) -> int:
    """Take data credits of an account out of the world; returns what had burnt for them.

    Raises InsufficientFunds.
    """
    burnt_hxt = debit_data_credits(state, payer, data_credits)
    _record(state, DATA_CREDITS, burnt=data_credits)
    return burnt_hxt


def burn_locked_hxt(state: State, hxt: int) -> None:
    """Record that HXT which was locked is gone; the caller lowers the lock."""
    _check_amount(hxt)
    _record(state, HXT, burnt=hxt)


def mint_locked_hxt(state: State, hxt: int) -> None:
    """Record HXT that is minted into a lock; the caller raises the lock."""
    _check_amount(hxt)
    _record(state, HXT, minted=hxt)


def compute_part(whole: int, numerator: int, denominator: int) -> int:
    """whole x numerator / denominator, rounded down; 0 of nothing."""
    return whole * numerator // denominator if denominator else 0


def burn_locked_data_credits(state: State, data_credits: int) -> None:
    """Record that data credits which were locked are gone; the caller lowers the lock."""
    _check_amount(data_credits)
    _record(state, DATA_CREDITS, burnt=data_credits)


def record_data_credits(state: State, minted: int, burnt: int) -> None:
    """Record data credits that are minted and burnt without ever being held."""
    _record(state, DATA_CREDITS, minted=minted, burnt=burnt)


def get_supply(state: State, token: bytes) -> Supply:
    """Return the books of HXT or DATA_CREDITS."""
    return state.get(SUPPLY, token) or Supply()


def _record(state: State, token: bytes, minted: int = 0, burnt: int = 0) -> None:
    supply = get_supply(state, token)
    state.put(
        SUPPLY, token, replace(supply, minted=_add(supply.minted, minted), burnt=_add(supply.burnt, burnt))
    )


def _add(balance: int, amount: int) -> int:
    if balance + amount > MAX_AMOUNT:
        raise AmountOverflow(f"{balance} + {amount} exceeds {MAX_AMOUNT}")
    return balance + amount


def _check_amount(amount: int) -> None:
    if not 0 <= amount <= MAX_AMOUNT:
        raise AmountOverflow(f"amount {amount} is outside 0 to {MAX_AMOUNT}")
