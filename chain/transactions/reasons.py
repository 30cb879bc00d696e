"""Why a transaction is refused: one code for each way of being invalid, and a sentence for a person."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Reason codes. They are part of the API: never renamed, never reused for something else."""

    # Any transaction
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    NOT_CANONICAL = "not_canonical"
    WRONG_NETWORK = "wrong_network"
    INVALID_KEY = "invalid_key"
    WRONG_SIGNATURE_COUNT = "wrong_signature_count"
    BAD_SIGNATURE = "bad_signature"
    NONCE_USED = "nonce_used"
    NONCE_GAP = "nonce_gap"
    FEE_TOO_LOW = "fee_too_low"
    FEE_NOT_COVERED = "fee_not_covered"
    INSUFFICIENT_HXT = "insufficient_hxt"
    INSUFFICIENT_DATA_CREDITS = "insufficient_data_credits"
    AMOUNT_OVERFLOW = "amount_overflow"
    # Payment and burn
    NO_PAYEES = "no_payees"
    TOO_MANY_PAYEES = "too_many_payees"
    DUPLICATE_PAYEE = "duplicate_payee"
    PAYS_ITSELF = "pays_itself"
    ZERO_AMOUNT = "zero_amount"
    BURNS_TO_NOTHING = "burns_to_nothing"
    # Hotspots
    HOTSPOT_EXISTS = "hotspot_exists"
    HOTSPOT_IS_OWNER = "hotspot_is_owner"
    UNKNOWN_HOTSPOT = "unknown_hotspot"
    NOT_OWNER = "not_owner"
    INVALID_LOCATION = "invalid_location"
    WRONG_LOCATION_RESOLUTION = "wrong_location_resolution"
    INVALID_GAIN = "invalid_gain"
    LOCATION_UNCHANGED = "location_unchanged"
    # Routers
    ROUTER_EXISTS = "router_exists"
    UNKNOWN_ROUTER = "unknown_router"
    INVALID_ADDRESS = "invalid_address"
    TOO_MANY_RANGES = "too_many_ranges"
    EMPTY_RANGE = "empty_range"
    TOO_MANY_FILTERS = "too_many_filters"
    NO_ROUTE = "no_route"
    # Data channels
    UNKNOWN_CHANNEL = "unknown_channel"
    CHANNEL_EXISTS = "channel_exists"
    VOUCHER_OF_OTHER_CHAIN = "voucher_of_other_chain"
    VOUCHER_OF_OTHER_HOTSPOT = "voucher_of_other_hotspot"
    VOUCHER_BAD_SIGNATURE = "voucher_bad_signature"
    VOUCHER_STALE = "voucher_stale"
    VOUCHER_TOTAL_FELL = "voucher_total_fell"
    VOUCHER_CLAIMS_NOTHING = "voucher_claims_nothing"
    CHANNEL_OVERDRAWN = "channel_overdrawn"
    # The node's own limits: nothing is wrong with the transaction
    MEMPOOL_FULL = "mempool_full"
    ACCOUNT_LIMIT = "account_limit"
    ALREADY_KNOWN = "already_known"
    INTERNAL_ERROR = "internal_error"


class InvalidTransaction(Exception):
    """A transaction that the rules refuse. `code` is for programs, `message` for people."""

    def __init__(self, code: Reason, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
