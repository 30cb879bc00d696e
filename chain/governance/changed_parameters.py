"""New parameters out of those in force and some changed values.

A change is a name and the JSON of a value; a dot leads into a group (`coverage.maximum_witnesses`). The
whole set is built anew from the changed one, so that every value has its type, and checked as a genesis is:
what couldn't begin a network can't be made of one. Helium checks variable by variable (`validate_var/2`),
and wrote its first monthly reward a hundred times too low (var-3, var-4); limits between two parameters
only a check of the whole can see.

Some are fixed for good, because what is in the state already was numbered or placed by them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from chain.ledger.amounts import MAX_AMOUNT
from chain.ledger.parameters import PPM, Parameters
from chain.transactions.encoding import MAX_TRANSACTION_BYTES
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import ChangedParameter

#: Name -> why it can't be changed.
FIXED_PARAMETERS = {
    "coverage.round_ms": "rounds are numbered by it from the genesis on",
    "epoch_ms": "epochs are numbered by it from the genesis on",
    "demand_resolution": "requests for coverage stand in the state at it",
    "state_tree_bits": "every state root was made with it",
    "genesis_allocation_hxt": "the genesis is past",
}


def apply_changes(parameters: Parameters, changes: Iterable[ChangedParameter]) -> Parameters:
    """Return the parameters with the changes made, as valid as a genesis'.

    Raises InvalidTransaction (unknown_parameter, fixed_parameter, invalid_parameter).
    """
    tree: dict[str, Any] = msgspec.to_builtins(parameters)
    names = []
    for change in changes:
        _set_value(tree, parameters, change)
        names.append(change.name)
    _check_size(tree, ", ".join(names))
    try:
        changed = msgspec.convert(tree, Parameters)
        changed.validate()
    except (msgspec.MsgspecError, ValueError, ArithmeticError, LookupError) as error:
        # InvalidParameters, or what a check of the whole stumbles over in values that nobody foresaw.
        raise _refuse(f"{', '.join(names)}: {error}") from error
    room = compute_governance_bytes(changed)
    if room < MAX_TRANSACTION_BYTES:
        raise _refuse(
            f"{', '.join(names)}: a block would have {room} bytes for decisions, and a transaction can take "
            f"{MAX_TRANSACTION_BYTES}: nothing could be put right afterwards"
        )
    return changed


def compute_governance_bytes(parameters: Parameters) -> int:
    """Bytes of a block that are for decisions and prices alone (`chain/blocks/limits.py`)."""
    reports = parameters.max_block_bytes * parameters.block_report_share_ppm // PPM
    return (parameters.max_block_bytes - reports) * parameters.block_governance_share_ppm // PPM


def _set_value(tree: dict[str, Any], parameters: Parameters, change: ChangedParameter) -> None:
    *groups, field = change.name.split(".")
    node, struct = tree, parameters
    for group in groups:
        inner = getattr(struct, group, None) if group in struct.__struct_fields__ else None
        if not isinstance(inner, msgspec.Struct):
            raise _unknown(change.name)
        node, struct = node[group], inner  # type: ignore[assignment]
    if field not in struct.__struct_fields__:
        raise _unknown(change.name)
    if isinstance(getattr(struct, field), msgspec.Struct):
        raise InvalidTransaction(
            Reason.UNKNOWN_PARAMETER,
            f"{change.name} is a group: name what changes in it, as {change.name}."
            f"{getattr(struct, field).__struct_fields__[0]}",
        )
    if change.name in FIXED_PARAMETERS:
        raise InvalidTransaction(
            Reason.FIXED_PARAMETER, f"{change.name} is fixed for good: {FIXED_PARAMETERS[change.name]}"
        )
    try:
        node[field] = msgspec.json.decode(change.value)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _refuse(
            f"{change.name}: {change.value!r} is no JSON: {error}; a text stands in quotes"
        ) from error


def _check_size(value: Any, names: str) -> None:
    """No number anywhere exceeds what amounts may: the rules multiply them, and readers keep 64 bits."""
    if isinstance(value, int) and not -MAX_AMOUNT <= value <= MAX_AMOUNT:
        raise _refuse(f"{names}: {value} is more than any parameter can be")
    if isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            _check_size(item, names)


def _unknown(name: str) -> InvalidTransaction:
    return InvalidTransaction(
        Reason.UNKNOWN_PARAMETER, f"this network has no parameter {name!r}: /v1/parameters lists them"
    )


def _refuse(message: str) -> InvalidTransaction:
    return InvalidTransaction(Reason.INVALID_PARAMETER, message)
