from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class blockchain_txn_add_gateway_v1(_message.Message):
    __slots__ = ("owner", "gateway", "owner_signature", "gateway_signature", "payer", "payer_signature", "staking_fee", "fee")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    OWNER_SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    PAYER_FIELD_NUMBER: _ClassVar[int]
    PAYER_SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    STAKING_FEE_FIELD_NUMBER: _ClassVar[int]
    FEE_FIELD_NUMBER: _ClassVar[int]
    owner: bytes
    gateway: bytes
    owner_signature: bytes
    gateway_signature: bytes
    payer: bytes
    payer_signature: bytes
    staking_fee: int
    fee: int
    def __init__(self, owner: _Optional[bytes] = ..., gateway: _Optional[bytes] = ..., owner_signature: _Optional[bytes] = ..., gateway_signature: _Optional[bytes] = ..., payer: _Optional[bytes] = ..., payer_signature: _Optional[bytes] = ..., staking_fee: _Optional[int] = ..., fee: _Optional[int] = ...) -> None: ...

class blockchain_txn(_message.Message):
    __slots__ = ("add_gateway",)
    ADD_GATEWAY_FIELD_NUMBER: _ClassVar[int]
    add_gateway: blockchain_txn_add_gateway_v1
    def __init__(self, add_gateway: _Optional[_Union[blockchain_txn_add_gateway_v1, _Mapping]] = ...) -> None: ...
