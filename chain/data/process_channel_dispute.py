"""Channel dispute: two different vouchers with one sequence prove that a router signed against itself.

Honest software writes a total down before it signs it and uses each sequence once, so two contents under one
sequence come from a router that tells hotspot and chain different things, or runs twice on one key. What
follows:

1. The bond goes: the reporter gets `reporter_share_ppm` of it, the rest burns. Once for each channel, however
   many such pairs there are in it, and also while the bond is unbonding.
2. The router is marked for good: it opens no more channels, and hotspots find no route to it.
3. The channel begins to close at once. No more allotments or counts; everything that was signed can still be
   claimed until it is settled, and what is left returns to the router.

**Why the vouchers stay good.** HIP-56 pays nobody, since "a Hotspot and Router could conspire". There a
dispute touches everybody's summary; here it has no effect on what anybody can claim, and that is the safe
choice:

- *Nobody is paid more than was promised, nor twice.* Totals run, so of two conflicting vouchers a hotspot is
  paid up to the higher one, once, and every payment comes out of its own reserve or the common part, which
  hold what was locked (P1, P2 in chain/data/channel_parts.py), dispute or not.
- *Router and hotspot gain nothing together.* Whatever they could take out of channel and bond with a dispute,
  they could take without one: sign a voucher for all of the common part to the hotspot and claim it, or close
  and get it back. The dispute adds no payment and no refund; it takes at least (1 - reporter's share) of the
  bond, whoever of them reports. For the router's own keys, there is no share at all.
- *Voiding vouchers would be a weapon.* Were disputed vouchers void, a router could forge a second voucher 1
  for each honest hotspot, report itself, and get back all that it had bought on credit: dearer channels than
  bonds would be worth cheating. So would be burning what is left: then a rival with a stolen voucher key
  burns the router's money. Here a false word costs who gave it, and nobody else.
- *Reporting costs the hotspot nothing*: it doesn't have to claim first and can't be hurt by who reports
  earlier.

What a dispute doesn't mend: a router that signs more than it locked, each voucher with a sequence of its own.
Beyond their allotments, hotspots carry that risk (P1); a host bounds it.

A proof is taken until `evidence_epochs` after the channel was settled; the bond, which comes free later than
that, is still there even if the router has retired meanwhile.
"""

from __future__ import annotations

from msgspec.structs import replace

from chain.data.process_channel_close import begin_closing
from chain.data.tables import CLOSED_CHANNELS
from chain.data.voucher import is_equivocation
from chain.ledger.bonds import BONDS, get_router_subject, take_bond
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.faults import Fault, check_fault_is_new, compute_fault_id, put_fault, slash_locked_hxt
from chain.ledger.router_checks import FAULTED
from chain.ledger.state import State
from chain.ledger.tables import CHANNELS, ROUTERS, get_successor
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import ChannelDispute

VOUCHER_EQUIVOCATION = "voucher_equivocation"


def process_channel_dispute(state: State, body: ChannelDispute, context: BlockContext) -> list[Event]:
    """Take the router's bond and let the channel close. Raises InvalidTransaction."""
    voucher = body.one.voucher
    for signed in (body.one, body.other):
        if signed.voucher.chain_id != context.chain_id:
            raise InvalidTransaction(
                Reason.VOUCHER_OF_OTHER_CHAIN, f"a voucher is for chain {signed.voucher.chain_id!r}"
            )
    channel = state.get(CHANNELS, voucher.channel_id)
    place = channel or state.get(CLOSED_CHANNELS, voucher.channel_id)
    if place is None:
        raise InvalidTransaction(
            Reason.UNKNOWN_CHANNEL,
            f"no channel {voucher.channel_id.hex()}: never opened, or settled more than "
            f"{context.parameters.evidence_epochs} epochs ago",
        )
    if not is_equivocation(body.one, body.other, place.voucher_key):
        raise InvalidTransaction(
            Reason.NOT_EQUIVOCATION,
            "these don't prove fraud: both must name one channel, hotspot and sequence, differ in their "
            "totals, and be signed by the channel's voucher key",
        )
    fault_id = compute_fault_id(VOUCHER_EQUIVOCATION, place.voucher_key, voucher.channel_id)
    check_fault_is_new(state, fault_id)
    router = get_successor(state, place.router)
    subject = get_router_subject(router)
    bond = state.get(BONDS, subject)
    own_keys = {router, place.router, place.voucher_key, b"" if bond is None else bond.funder}
    taken = take_bond(state, subject)
    share_ppm = 0 if body.payer in own_keys else context.parameters.reporter_share_ppm
    reward = slash_locked_hxt(state, taken, body.payer, share_ppm)
    put_fault(state, fault_id, Fault(VOUCHER_EQUIVOCATION, context.height, body.payer, taken))
    row = state.get(ROUTERS, router)
    if row is not None:
        state.put(ROUTERS, router, replace(row, status=FAULTED))
    events = [
        Event(
            "channel_disputed",
            {
                "channel": voucher.channel_id,
                "router": router,
                "hotspot": voucher.hotspot,
                "sequence": voucher.sequence,
                "reporter": body.payer,
                "taken_hxt": taken,
                "reward_hxt": reward,
            },
        )
    ]
    if channel is not None:
        channel = replace(channel, disputed_height=context.height)
        state.put(CHANNELS, voucher.channel_id, channel)
        if not channel.closing_at_ms:
            events += begin_closing(state, voucher.channel_id, channel, context, "disputed")
    return events
