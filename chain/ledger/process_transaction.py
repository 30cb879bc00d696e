"""What every transaction goes through before its own rule: nonce, fee, and all or nothing.

The signatures are checked before (`verify_signatures`): they need no state. Here the payer's nonce must be
the next one, which makes each transaction happen at most once, and the fee must cover size and operation.
Then the operation's rule runs on what is left. An invalid transaction changes nothing at all, not even its
payer's nonce or balance: a producer that includes one makes an invalid block.

Fee: from the payer's data credits where they suffice for the whole fee; otherwise the whole fee is bought
by burning HXT at the oracle price, rounded up (implicit burn, as Helium's). Never part by part: the two
books stay easy to read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from chain.data.process_channel_allot import process_channel_allot
from chain.data.process_channel_claim import process_channel_claim
from chain.data.process_channel_close import process_channel_close
from chain.data.process_channel_dispute import process_channel_dispute
from chain.data.process_channel_open import process_channel_open
from chain.faults.process_fault_evidence import process_fault_evidence
from chain.governance.process_auditor_set import process_auditor_set
from chain.governance.process_exclusion_set import process_exclusion_set
from chain.governance.process_governance_change import process_governance_change
from chain.governance.process_parameter_change import process_parameter_change
from chain.governance.process_price_report import process_price_report
from chain.governance.process_producer_rotate import process_producer_rotate
from chain.governance.process_rule_upgrade import process_rule_upgrade
from chain.governance.process_validator_stake import process_validator_stake, process_validator_unstake
from chain.ledger.accepted_key import check_key
from chain.ledger.amounts import compute_hxt_for_data_credits
from chain.ledger.balances import (
    AmountOverflow,
    InsufficientFunds,
    burn_data_credits,
    burn_hxt,
    record_data_credits,
)
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.net_emission import record_fee_burn
from chain.ledger.process_burn import process_burn
from chain.ledger.process_field_sighting import process_field_sighting
from chain.ledger.process_hotspot_add import process_hotspot_add
from chain.ledger.process_hotspot_rekey import process_hotspot_rekey
from chain.ledger.process_hotspot_retire import process_hotspot_retire
from chain.ledger.process_hotspot_transfer import process_hotspot_transfer
from chain.ledger.process_location_assert import process_location_assert
from chain.ledger.process_payment import process_payment
from chain.ledger.process_router import process_router_register, process_router_update
from chain.ledger.process_router_retire import process_router_retire
from chain.ledger.process_router_transfer import process_router_transfer
from chain.ledger.state import State
from chain.ledger.tables import ACCOUNTS, get_account
from chain.rewards.process_coverage_request import process_coverage_request
from chain.transactions.encoding import compute_transaction_id
from chain.transactions.fees import compute_required_fee
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.signing import get_signers
from chain.transactions.types import (
    AuditorSet,
    Burn,
    ChannelAllot,
    ChannelClaim,
    ChannelClose,
    ChannelDispute,
    ChannelOpen,
    CoverageRequest,
    ExclusionSet,
    FaultEvidence,
    FieldSighting,
    GovernanceChange,
    HotspotAdd,
    HotspotRekey,
    HotspotRetire,
    HotspotTransfer,
    LocationAssert,
    ParameterChange,
    Payment,
    PriceReport,
    ProducerRotate,
    RouterRegister,
    RouterRetire,
    RouterTransfer,
    RouterUpdate,
    RuleUpgrade,
    TransactionBody,
    ValidatorStake,
    ValidatorUnstake,
)

#: One rule for each body; a channel's opening, which needs the transaction's id, has its own place below.
PROCESSES: dict[type[Any], Callable[[State, Any, BlockContext], list[Event]]] = {
    Payment: process_payment,
    Burn: process_burn,
    HotspotAdd: process_hotspot_add,
    HotspotTransfer: process_hotspot_transfer,
    HotspotRekey: process_hotspot_rekey,
    HotspotRetire: process_hotspot_retire,
    FieldSighting: process_field_sighting,
    FaultEvidence: process_fault_evidence,
    LocationAssert: process_location_assert,
    RouterRegister: process_router_register,
    RouterUpdate: process_router_update,
    RouterTransfer: process_router_transfer,
    RouterRetire: process_router_retire,
    ChannelAllot: process_channel_allot,
    ChannelClaim: process_channel_claim,
    CoverageRequest: process_coverage_request,
    ChannelClose: process_channel_close,
    ChannelDispute: process_channel_dispute,
    PriceReport: process_price_report,
    ParameterChange: process_parameter_change,
    RuleUpgrade: process_rule_upgrade,
    GovernanceChange: process_governance_change,
    ExclusionSet: process_exclusion_set,
    AuditorSet: process_auditor_set,
    ProducerRotate: process_producer_rotate,
    ValidatorStake: process_validator_stake,
    ValidatorUnstake: process_validator_unstake,
}


def process_transaction(state: State, body: TransactionBody, context: BlockContext) -> list[Event]:
    """Apply a transaction whose signatures are good. Raises InvalidTransaction; then the state is as
    before.
    """
    with state.operation():
        check_networks(body, context)
        events = process_nonce_and_fee(state, body, context)
        try:
            if isinstance(body, ChannelOpen):
                channel_id = compute_transaction_id(context.chain_id, body)
                return events + process_channel_open(state, body, channel_id, context)
            return events + PROCESSES[type(body)](state, body, context)
        except AmountOverflow as error:
            raise InvalidTransaction(Reason.AMOUNT_OVERFLOW, str(error)) from error


def process_nonce_and_fee(state: State, body: TransactionBody, context: BlockContext) -> list[Event]:
    """Take the fee and move the payer's nonce on.

    Raises InvalidTransaction (nonce_used, nonce_gap, fee_too_low, fee_not_covered).
    """
    expected = get_account(state, body.payer).nonce + 1
    if body.nonce < expected:
        raise InvalidTransaction(
            Reason.NONCE_USED,
            f"nonce {body.nonce} is used: this account's next is {expected} (was it submitted twice?)",
        )
    if body.nonce > expected:
        raise InvalidTransaction(
            Reason.NONCE_GAP, f"nonce {body.nonce} leaves a gap: this account's next is {expected}"
        )
    required = compute_required_fee(body, context.parameters)
    if body.fee < required:
        raise InvalidTransaction(Reason.FEE_TOO_LOW, f"fee {body.fee} data credits: needs {required}")
    burnt_hxt = process_fee(state, body.payer, body.fee, context)
    account = get_account(state, body.payer)
    state.put(ACCOUNTS, body.payer, replace(account, nonce=body.nonce))
    return [Event("fee_paid", {"payer": body.payer, "data_credits": body.fee, "hxt": burnt_hxt})]


def process_fee(state: State, payer: bytes, fee: int, context: BlockContext) -> int:
    """Burn the fee; returns the HXT (base units) that burnt for it, 0 where data credits paid.

    Raises InvalidTransaction (fee_not_covered, amount_overflow).
    """
    account = get_account(state, payer)
    if account.data_credits >= fee:
        record_fee_burn(state, burn_data_credits(state, payer, fee))
        return 0
    hxt = compute_hxt_for_data_credits(fee, context.hxt_price)
    try:
        burn_hxt(state, payer, hxt)
        # Minted and burnt at once: these credits never mix with those that the payer holds.
        record_data_credits(state, minted=fee, burnt=fee)
        record_fee_burn(state, hxt)
    except InsufficientFunds as error:
        raise InvalidTransaction(
            Reason.FEE_NOT_COVERED,
            f"fee of {fee} data credits: the payer holds {account.data_credits} and {account.hxt} units "
            f"of HXT; it takes the whole fee in data credits or {hxt} base units to burn",
        ) from error
    except AmountOverflow as error:
        raise InvalidTransaction(Reason.AMOUNT_OVERFLOW, str(error)) from error
    return hxt


def check_networks(body: TransactionBody, context: BlockContext) -> None:
    """All signers must be keys of this network, so that nothing signed on a test network means money
    elsewhere.

    Raises InvalidTransaction (wrong_network, invalid_key).
    """
    for signer in get_signers(body):
        check_key(signer, context)
