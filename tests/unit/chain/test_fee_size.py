"""A fee is by the size of a transaction with fee 0 and all signatures zero, computed without making it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chain.ledger.parameters import Parameters
from chain.transactions import ParameterChange, Payee, Payment, compute_required_fee, get_signers
from chain.transactions.bodies_governance import ChangedParameter
from chain.transactions.encoding import encode_transaction
from chain.transactions.fees import compute_operation_fee, compute_size_fee
from chain.transactions.types import SignedTransaction, TransactionBody

amounts = st.one_of(
    st.sampled_from([0, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**63 - 1]),
    st.integers(0, 2**63 - 1),
)
keys = st.binary(min_size=33, max_size=33)


def compute_by_making_it(body: TransactionBody, parameters: Parameters) -> int:
    count = len(get_signers(body))
    signed = SignedTransaction(body=replace(body, fee=0), signatures=(bytes(64),) * count)
    size = len(encode_transaction(signed))
    return compute_size_fee(size, parameters.fee_data_credits_per_unit) + compute_operation_fee(
        body, parameters
    )


@given(keys, amounts, st.lists(st.tuples(keys, amounts), max_size=20), st.binary(max_size=64))
def test_of_a_payment(payer: bytes, fee: int, payees: list, memo: bytes) -> None:
    body = Payment(
        payer=payer, nonce=1, fee=fee, payees=tuple(Payee(key, hxt) for key, hxt in payees), memo=memo
    )
    for unit in (1, 7):
        parameters = Parameters(fee_data_credits_per_unit=unit)
        assert compute_required_fee(body, parameters) == compute_by_making_it(body, parameters)


@given(keys, amounts, st.lists(keys, min_size=1, max_size=16, unique=True))
def test_with_many_signatures(payer: bytes, fee: int, approvers: list[bytes]) -> None:
    change = ChangedParameter(name="epoch_ms", value="1")
    body = ParameterChange(
        payer=payer,
        nonce=1,
        fee=fee,
        approvers=tuple(sorted(approvers)),
        changes=(change,),
        activation_height=5,
    )
    assert compute_required_fee(body, Parameters()) == compute_by_making_it(body, Parameters())
