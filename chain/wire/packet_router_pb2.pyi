from chain.wire import radio_pb2 as _radio_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class receipt_status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BOUGHT: _ClassVar[receipt_status]
    COPY: _ClassVar[receipt_status]
    FREE: _ClassVar[receipt_status]
    UNWANTED: _ClassVar[receipt_status]
    REFUSED: _ClassVar[receipt_status]

class downlink_status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SENT: _ClassVar[downlink_status]
    TOO_LATE: _ClassVar[downlink_status]
    TOO_EARLY: _ClassVar[downlink_status]
    COLLISION: _ClassVar[downlink_status]
    DUTY_CYCLE: _ClassVar[downlink_status]
    RADIO_FAILED: _ClassVar[downlink_status]
BOUGHT: receipt_status
COPY: receipt_status
FREE: receipt_status
UNWANTED: receipt_status
REFUSED: receipt_status
SENT: downlink_status
TOO_LATE: downlink_status
TOO_EARLY: downlink_status
COLLISION: downlink_status
DUTY_CYCLE: downlink_status
RADIO_FAILED: downlink_status

class packet_router_register_v1(_message.Message):
    __slots__ = ("timestamp", "gateway", "signature", "session_capable", "packet_ack_interval", "receipts")
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    SESSION_CAPABLE_FIELD_NUMBER: _ClassVar[int]
    PACKET_ACK_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    timestamp: int
    gateway: bytes
    signature: bytes
    session_capable: bool
    packet_ack_interval: int
    receipts: bool
    def __init__(self, timestamp: _Optional[int] = ..., gateway: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., session_capable: _Optional[bool] = ..., packet_ack_interval: _Optional[int] = ..., receipts: _Optional[bool] = ...) -> None: ...

class packet_router_packet_up_v1(_message.Message):
    __slots__ = ("payload", "timestamp", "rssi", "frequency", "datarate", "snr", "region", "hold_time", "gateway", "signature", "gateway_eui", "received_at", "channel", "coding_rate")
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    RSSI_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    DATARATE_FIELD_NUMBER: _ClassVar[int]
    SNR_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    HOLD_TIME_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_EUI_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    CODING_RATE_FIELD_NUMBER: _ClassVar[int]
    payload: bytes
    timestamp: int
    rssi: int
    frequency: int
    datarate: _radio_pb2.data_rate
    snr: float
    region: _radio_pb2.region
    hold_time: int
    gateway: bytes
    signature: bytes
    gateway_eui: bytes
    received_at: int
    channel: int
    coding_rate: int
    def __init__(self, payload: _Optional[bytes] = ..., timestamp: _Optional[int] = ..., rssi: _Optional[int] = ..., frequency: _Optional[int] = ..., datarate: _Optional[_Union[_radio_pb2.data_rate, str]] = ..., snr: _Optional[float] = ..., region: _Optional[_Union[_radio_pb2.region, str]] = ..., hold_time: _Optional[int] = ..., gateway: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., gateway_eui: _Optional[bytes] = ..., received_at: _Optional[int] = ..., channel: _Optional[int] = ..., coding_rate: _Optional[int] = ...) -> None: ...

class packet_router_session_offer_v1(_message.Message):
    __slots__ = ("nonce",)
    NONCE_FIELD_NUMBER: _ClassVar[int]
    nonce: bytes
    def __init__(self, nonce: _Optional[bytes] = ...) -> None: ...

class packet_router_session_init_v1(_message.Message):
    __slots__ = ("gateway", "nonce", "session_key", "signature")
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    SESSION_KEY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    gateway: bytes
    nonce: bytes
    session_key: bytes
    signature: bytes
    def __init__(self, gateway: _Optional[bytes] = ..., nonce: _Optional[bytes] = ..., session_key: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class window_v1(_message.Message):
    __slots__ = ("timestamp", "frequency", "datarate", "immediate")
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    DATARATE_FIELD_NUMBER: _ClassVar[int]
    IMMEDIATE_FIELD_NUMBER: _ClassVar[int]
    timestamp: int
    frequency: int
    datarate: _radio_pb2.data_rate
    immediate: bool
    def __init__(self, timestamp: _Optional[int] = ..., frequency: _Optional[int] = ..., datarate: _Optional[_Union[_radio_pb2.data_rate, str]] = ..., immediate: _Optional[bool] = ...) -> None: ...

class packet_router_packet_down_v1(_message.Message):
    __slots__ = ("payload", "rx1", "rx2", "downlink_id", "gateway_eui", "signature")
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    RX1_FIELD_NUMBER: _ClassVar[int]
    RX2_FIELD_NUMBER: _ClassVar[int]
    DOWNLINK_ID_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_EUI_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    payload: bytes
    rx1: window_v1
    rx2: window_v1
    downlink_id: int
    gateway_eui: bytes
    signature: bytes
    def __init__(self, payload: _Optional[bytes] = ..., rx1: _Optional[_Union[window_v1, _Mapping]] = ..., rx2: _Optional[_Union[window_v1, _Mapping]] = ..., downlink_id: _Optional[int] = ..., gateway_eui: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class packet_router_packet_ack_v1(_message.Message):
    __slots__ = ("payload_hash",)
    PAYLOAD_HASH_FIELD_NUMBER: _ClassVar[int]
    payload_hash: bytes
    def __init__(self, payload_hash: _Optional[bytes] = ...) -> None: ...

class receipt_v1(_message.Message):
    __slots__ = ("packet_hash", "status", "data_credits", "voucher")
    PACKET_HASH_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DATA_CREDITS_FIELD_NUMBER: _ClassVar[int]
    VOUCHER_FIELD_NUMBER: _ClassVar[int]
    packet_hash: bytes
    status: receipt_status
    data_credits: int
    voucher: bytes
    def __init__(self, packet_hash: _Optional[bytes] = ..., status: _Optional[_Union[receipt_status, str]] = ..., data_credits: _Optional[int] = ..., voucher: _Optional[bytes] = ...) -> None: ...

class downlink_result_v1(_message.Message):
    __slots__ = ("downlink_id", "status", "window")
    DOWNLINK_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    downlink_id: int
    status: downlink_status
    window: int
    def __init__(self, downlink_id: _Optional[int] = ..., status: _Optional[_Union[downlink_status, str]] = ..., window: _Optional[int] = ...) -> None: ...

class envelope_up_v1(_message.Message):
    __slots__ = ("register", "packet", "session_init", "downlink_result")
    REGISTER_FIELD_NUMBER: _ClassVar[int]
    PACKET_FIELD_NUMBER: _ClassVar[int]
    SESSION_INIT_FIELD_NUMBER: _ClassVar[int]
    DOWNLINK_RESULT_FIELD_NUMBER: _ClassVar[int]
    register: packet_router_register_v1
    packet: packet_router_packet_up_v1
    session_init: packet_router_session_init_v1
    downlink_result: downlink_result_v1
    def __init__(self, register: _Optional[_Union[packet_router_register_v1, _Mapping]] = ..., packet: _Optional[_Union[packet_router_packet_up_v1, _Mapping]] = ..., session_init: _Optional[_Union[packet_router_session_init_v1, _Mapping]] = ..., downlink_result: _Optional[_Union[downlink_result_v1, _Mapping]] = ...) -> None: ...

class envelope_down_v1(_message.Message):
    __slots__ = ("packet", "session_offer", "packet_ack", "receipt")
    PACKET_FIELD_NUMBER: _ClassVar[int]
    SESSION_OFFER_FIELD_NUMBER: _ClassVar[int]
    PACKET_ACK_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    packet: packet_router_packet_down_v1
    session_offer: packet_router_session_offer_v1
    packet_ack: packet_router_packet_ack_v1
    receipt: receipt_v1
    def __init__(self, packet: _Optional[_Union[packet_router_packet_down_v1, _Mapping]] = ..., session_offer: _Optional[_Union[packet_router_session_offer_v1, _Mapping]] = ..., packet_ack: _Optional[_Union[packet_router_packet_ack_v1, _Mapping]] = ..., receipt: _Optional[_Union[receipt_v1, _Mapping]] = ...) -> None: ...
