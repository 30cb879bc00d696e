"""What to do about a refusal: one command or step for each reason that an owner can do something about.

The node's sentence says what is wrong with which value; this says what to type.
"""

from __future__ import annotations

from chain.transactions.reasons import Reason

_REMEDIES: dict[str, str] = {
    Reason.FEE_NOT_COVERED: "have HXT paid to the account first; on a test network: "
    "`hexhaul chain faucet ADDRESS`",
    Reason.INSUFFICIENT_HXT: "pay less, or get HXT first; on a test network: `hexhaul chain faucet ADDRESS`",
    Reason.INSUFFICIENT_DATA_CREDITS: "get data credits: `hexhaul wallet burn AMOUNT --commit`",
    Reason.FEE_TOO_LOW: "the fee has risen since: make the transaction anew",
    Reason.NONCE_USED: "look whether it is done already: `hexhaul wallet balance`; if not, make it anew",
    Reason.NONCE_GAP: "submit the earlier transactions of this account first, or make this one anew",
    Reason.BAD_SIGNATURE: "sign again, with the network file of the network that it is for (--network)",
    Reason.WRONG_NETWORK: "use a key of this network: `hexhaul wallet create --network FILE`",
    Reason.HOTSPOT_EXISTS: "it is on the chain already; a new owner gets it by `hexhaul wallet hotspot "
    "transfer`",
    Reason.HOTSPOT_IS_OWNER: "give the hotspot a key of its own (--hotspot-key)",
    Reason.UNKNOWN_HOTSPOT: "add it first: `hexhaul wallet hotspot add`",
    Reason.NOT_OWNER: "sign with the owner's key (--key)",
    Reason.BAD_CONSENT: "have the gateway sign for this owner and payer: `helium_gateway add --owner .. "
    "--payer ..`",
    Reason.UNKNOWN_ROUTER: "register it first: `hexhaul wallet router register`",
    Reason.ROUTER_EXISTS: "change it by `hexhaul wallet router update`",
    Reason.NO_PAYEES: "name somebody to pay: ADDRESS=AMOUNT",
    Reason.PAYS_ITSELF: "leave your own address out",
    Reason.NOT_IN_FORCE: "use a newer version of hexhaul, or wait until the network's rules are upgraded",
    Reason.MEMPOOL_FULL: "try again in a minute",
    Reason.ACCOUNT_LIMIT: "wait for the next block, then go on",
    Reason.INTERNAL_ERROR: "tell the node's operator",
}


def get_remedy(code: str) -> str | None:
    """What to do about a reason code; None where the node's own sentence says all there is."""
    return _REMEDIES.get(code)
