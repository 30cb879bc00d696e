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
    NOT_IN_FORCE = "not_in_force"
    # Payment and burn
    NO_PAYEES = "no_payees"
    TOO_MANY_PAYEES = "too_many_payees"
    DUPLICATE_PAYEE = "duplicate_payee"
    PAYS_ITSELF = "pays_itself"
    ZERO_AMOUNT = "zero_amount"
    BURNS_TO_NOTHING = "burns_to_nothing"
    # Price
    NOT_PRICE_REPORTER = "not_price_reporter"
    PRICE_REPORT_TOO_SOON = "price_report_too_soon"
    # Hotspots
    HOTSPOT_EXISTS = "hotspot_exists"
    HOTSPOT_IS_OWNER = "hotspot_is_owner"
    UNKNOWN_HOTSPOT = "unknown_hotspot"
    NOT_OWNER = "not_owner"
    INVALID_LOCATION = "invalid_location"
    WRONG_LOCATION_RESOLUTION = "wrong_location_resolution"
    INVALID_GAIN = "invalid_gain"
    LOCATION_UNCHANGED = "location_unchanged"
    BAD_CONSENT = "bad_consent"
    HOTSPOT_RETIRED = "hotspot_retired"
    HOTSPOT_FAULTED = "hotspot_faulted"
    OWNER_UNCHANGED = "owner_unchanged"
    KEY_IN_USE = "key_in_use"
    KEY_CHANGES_USED_UP = "key_changes_used_up"
    # Routers
    ROUTER_EXISTS = "router_exists"
    UNKNOWN_ROUTER = "unknown_router"
    INVALID_ADDRESS = "invalid_address"
    TOO_MANY_RANGES = "too_many_ranges"
    EMPTY_RANGE = "empty_range"
    TOO_MANY_FILTERS = "too_many_filters"
    NO_ROUTE = "no_route"
    ROUTER_FAULTED = "router_faulted"
    TOO_MANY_CHANNELS = "too_many_channels"
    CHANNELS_OPEN = "channels_open"
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
    CHANNEL_CLOSED = "channel_closed"
    CHANNEL_CLOSING = "channel_closing"
    NOT_CHANNEL_ROUTER = "not_channel_router"
    ALLOTMENT_FELL = "allotment_fell"
    ALLOTMENT_EXCEEDS_CHANNEL = "allotment_exceeds_channel"
    COUNT_EXCEEDS_CHANNEL = "count_exceeds_channel"
    DUPLICATE_HOTSPOT = "duplicate_hotspot"
    NOT_EQUIVOCATION = "not_equivocation"
    # Governance
    NOT_SORTED = "not_sorted"
    NOT_APPROVED = "not_approved"
    UNKNOWN_PARAMETER = "unknown_parameter"
    FIXED_PARAMETER = "fixed_parameter"
    INVALID_PARAMETER = "invalid_parameter"
    ACTIVATION_TOO_SOON = "activation_too_soon"
    ACTIVATION_TOO_LATE = "activation_too_late"
    TOO_MANY_SCHEDULED = "too_many_scheduled"
    VERSION_NOT_NEWER = "version_not_newer"
    BAD_THRESHOLD = "bad_threshold"
    DUPLICATE_KEY = "duplicate_key"
    EPOCH_PAST = "epoch_past"
    NOT_EXCLUDED = "not_excluded"
    # Validators and producer
    STAKE_TOO_SMALL = "stake_too_small"
    ALREADY_STAKED = "already_staked"
    NOT_STAKED = "not_staked"
    UNBONDING = "unbonding"
    NOT_PRODUCER = "not_producer"
    ROTATION_PENDING = "rotation_pending"
    ANCHOR_UNCHANGED = "anchor_unchanged"
    # Coverage requests, audits, faults
    INVALID_HEX = "invalid_hex"
    WRONG_HEX_RESOLUTION = "wrong_hex_resolution"
    BOUNTY_TOO_SMALL = "bounty_too_small"
    TOO_MANY_EPOCHS = "too_many_epochs"
    NOT_AUDITOR = "not_auditor"
    SIGHTING_TOO_FAR = "sighting_too_far"
    SIGHTING_IMPOSSIBLE = "sighting_impossible"
    MALFORMED_EVIDENCE = "malformed_evidence"
    NO_FAULT = "no_fault"
    FAULT_KNOWN = "fault_known"
    EVIDENCE_TOO_OLD = "evidence_too_old"
    NOTHING_TO_TAKE = "nothing_to_take"
    REPORTER_IS_SUBJECT = "reporter_is_subject"
    # The node's own limits: nothing is wrong with the transaction
    MEMPOOL_FULL = "mempool_full"
    ACCOUNT_LIMIT = "account_limit"
    ALREADY_KNOWN = "already_known"
    NOT_SPONSORED = "not_sponsored"
    INTERNAL_ERROR = "internal_error"


class InvalidTransaction(Exception):
    """A transaction that the rules refuse. `code` is for programs, `message` for people."""

    def __init__(self, code: Reason, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
