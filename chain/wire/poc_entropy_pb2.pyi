from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class entropy_req_v1(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class entropy_report_v1(_message.Message):
    __slots__ = ("data", "timestamp", "version", "round", "signature")
    DATA_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    timestamp: int
    version: int
    round: int
    signature: bytes
    def __init__(self, data: _Optional[bytes] = ..., timestamp: _Optional[int] = ..., version: _Optional[int] = ..., round: _Optional[int] = ..., signature: _Optional[bytes] = ...) -> None: ...
