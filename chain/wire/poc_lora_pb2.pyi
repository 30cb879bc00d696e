from chain.wire import radio_pb2 as _radio_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class lora_beacon_report_req_v1(_message.Message):
    __slots__ = ("pub_key", "local_entropy", "remote_entropy", "data", "frequency", "channel", "datarate", "tx_power", "timestamp", "signature", "tmst")
    PUB_KEY_FIELD_NUMBER: _ClassVar[int]
    LOCAL_ENTROPY_FIELD_NUMBER: _ClassVar[int]
    REMOTE_ENTROPY_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    DATARATE_FIELD_NUMBER: _ClassVar[int]
    TX_POWER_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    TMST_FIELD_NUMBER: _ClassVar[int]
    pub_key: bytes
    local_entropy: bytes
    remote_entropy: bytes
    data: bytes
    frequency: int
    channel: int
    datarate: _radio_pb2.data_rate
    tx_power: int
    timestamp: int
    signature: bytes
    tmst: int
    def __init__(self, pub_key: _Optional[bytes] = ..., local_entropy: _Optional[bytes] = ..., remote_entropy: _Optional[bytes] = ..., data: _Optional[bytes] = ..., frequency: _Optional[int] = ..., channel: _Optional[int] = ..., datarate: _Optional[_Union[_radio_pb2.data_rate, str]] = ..., tx_power: _Optional[int] = ..., timestamp: _Optional[int] = ..., signature: _Optional[bytes] = ..., tmst: _Optional[int] = ...) -> None: ...

class lora_beacon_report_resp_v1(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class lora_witness_report_req_v1(_message.Message):
    __slots__ = ("pub_key", "data", "timestamp", "tmst", "signal", "snr", "frequency", "datarate", "signature")
    PUB_KEY_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    TMST_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    SNR_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    DATARATE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    pub_key: bytes
    data: bytes
    timestamp: int
    tmst: int
    signal: int
    snr: int
    frequency: int
    datarate: _radio_pb2.data_rate
    signature: bytes
    def __init__(self, pub_key: _Optional[bytes] = ..., data: _Optional[bytes] = ..., timestamp: _Optional[int] = ..., tmst: _Optional[int] = ..., signal: _Optional[int] = ..., snr: _Optional[int] = ..., frequency: _Optional[int] = ..., datarate: _Optional[_Union[_radio_pb2.data_rate, str]] = ..., signature: _Optional[bytes] = ...) -> None: ...

class lora_witness_report_resp_v1(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class lora_stream_session_offer_v1(_message.Message):
    __slots__ = ("nonce",)
    NONCE_FIELD_NUMBER: _ClassVar[int]
    nonce: bytes
    def __init__(self, nonce: _Optional[bytes] = ...) -> None: ...

class lora_stream_session_init_v1(_message.Message):
    __slots__ = ("pub_key", "nonce", "session_key", "signature")
    PUB_KEY_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    SESSION_KEY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    pub_key: bytes
    nonce: bytes
    session_key: bytes
    signature: bytes
    def __init__(self, pub_key: _Optional[bytes] = ..., nonce: _Optional[bytes] = ..., session_key: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class lora_claim_v1(_message.Message):
    __slots__ = ("pub_key", "commitment", "timestamp", "signature")
    PUB_KEY_FIELD_NUMBER: _ClassVar[int]
    COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    pub_key: bytes
    commitment: bytes
    timestamp: int
    signature: bytes
    def __init__(self, pub_key: _Optional[bytes] = ..., commitment: _Optional[bytes] = ..., timestamp: _Optional[int] = ..., signature: _Optional[bytes] = ...) -> None: ...

class lora_claim_resp_v1(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class lora_opening_v1(_message.Message):
    __slots__ = ("nonce", "beacon_report", "witness_report", "session")
    NONCE_FIELD_NUMBER: _ClassVar[int]
    BEACON_REPORT_FIELD_NUMBER: _ClassVar[int]
    WITNESS_REPORT_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    nonce: bytes
    beacon_report: lora_beacon_report_req_v1
    witness_report: lora_witness_report_req_v1
    session: lora_stream_session_init_v1
    def __init__(self, nonce: _Optional[bytes] = ..., beacon_report: _Optional[_Union[lora_beacon_report_req_v1, _Mapping]] = ..., witness_report: _Optional[_Union[lora_witness_report_req_v1, _Mapping]] = ..., session: _Optional[_Union[lora_stream_session_init_v1, _Mapping]] = ...) -> None: ...

class lora_opening_resp_v1(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class lora_stream_request_v1(_message.Message):
    __slots__ = ("beacon_report", "witness_report", "session_init", "claim", "opening")
    BEACON_REPORT_FIELD_NUMBER: _ClassVar[int]
    WITNESS_REPORT_FIELD_NUMBER: _ClassVar[int]
    SESSION_INIT_FIELD_NUMBER: _ClassVar[int]
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    OPENING_FIELD_NUMBER: _ClassVar[int]
    beacon_report: lora_beacon_report_req_v1
    witness_report: lora_witness_report_req_v1
    session_init: lora_stream_session_init_v1
    claim: lora_claim_v1
    opening: lora_opening_v1
    def __init__(self, beacon_report: _Optional[_Union[lora_beacon_report_req_v1, _Mapping]] = ..., witness_report: _Optional[_Union[lora_witness_report_req_v1, _Mapping]] = ..., session_init: _Optional[_Union[lora_stream_session_init_v1, _Mapping]] = ..., claim: _Optional[_Union[lora_claim_v1, _Mapping]] = ..., opening: _Optional[_Union[lora_opening_v1, _Mapping]] = ...) -> None: ...

class lora_stream_response_v1(_message.Message):
    __slots__ = ("offer",)
    OFFER_FIELD_NUMBER: _ClassVar[int]
    offer: lora_stream_session_offer_v1
    def __init__(self, offer: _Optional[_Union[lora_stream_session_offer_v1, _Mapping]] = ...) -> None: ...
