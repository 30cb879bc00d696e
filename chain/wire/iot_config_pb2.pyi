from chain.wire import radio_pb2 as _radio_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class region_spreading(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SF_INVALID: _ClassVar[region_spreading]
    SF7: _ClassVar[region_spreading]
    SF8: _ClassVar[region_spreading]
    SF9: _ClassVar[region_spreading]
    SF10: _ClassVar[region_spreading]
    SF11: _ClassVar[region_spreading]
    SF12: _ClassVar[region_spreading]
SF_INVALID: region_spreading
SF7: region_spreading
SF8: region_spreading
SF9: region_spreading
SF10: region_spreading
SF11: region_spreading
SF12: region_spreading

class tagged_spreading(_message.Message):
    __slots__ = ("region_spreading", "max_packet_size")
    REGION_SPREADING_FIELD_NUMBER: _ClassVar[int]
    MAX_PACKET_SIZE_FIELD_NUMBER: _ClassVar[int]
    region_spreading: region_spreading
    max_packet_size: int
    def __init__(self, region_spreading: _Optional[_Union[region_spreading, str]] = ..., max_packet_size: _Optional[int] = ...) -> None: ...

class blockchain_region_spreading_v1(_message.Message):
    __slots__ = ("tagged_spreading",)
    TAGGED_SPREADING_FIELD_NUMBER: _ClassVar[int]
    tagged_spreading: _containers.RepeatedCompositeFieldContainer[tagged_spreading]
    def __init__(self, tagged_spreading: _Optional[_Iterable[_Union[tagged_spreading, _Mapping]]] = ...) -> None: ...

class blockchain_region_param_v1(_message.Message):
    __slots__ = ("channel_frequency", "bandwidth", "max_eirp", "spreading")
    CHANNEL_FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    BANDWIDTH_FIELD_NUMBER: _ClassVar[int]
    MAX_EIRP_FIELD_NUMBER: _ClassVar[int]
    SPREADING_FIELD_NUMBER: _ClassVar[int]
    channel_frequency: int
    bandwidth: int
    max_eirp: int
    spreading: blockchain_region_spreading_v1
    def __init__(self, channel_frequency: _Optional[int] = ..., bandwidth: _Optional[int] = ..., max_eirp: _Optional[int] = ..., spreading: _Optional[_Union[blockchain_region_spreading_v1, _Mapping]] = ...) -> None: ...

class blockchain_region_params_v1(_message.Message):
    __slots__ = ("region_params",)
    REGION_PARAMS_FIELD_NUMBER: _ClassVar[int]
    region_params: _containers.RepeatedCompositeFieldContainer[blockchain_region_param_v1]
    def __init__(self, region_params: _Optional[_Iterable[_Union[blockchain_region_param_v1, _Mapping]]] = ...) -> None: ...

class gateway_region_params_req_v1(_message.Message):
    __slots__ = ("region", "address", "signature")
    REGION_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    region: _radio_pb2.region
    address: bytes
    signature: bytes
    def __init__(self, region: _Optional[_Union[_radio_pb2.region, str]] = ..., address: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class gateway_region_params_res_v1(_message.Message):
    __slots__ = ("region", "params", "gain", "signature", "timestamp", "signer")
    REGION_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    GAIN_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    SIGNER_FIELD_NUMBER: _ClassVar[int]
    region: _radio_pb2.region
    params: blockchain_region_params_v1
    gain: int
    signature: bytes
    timestamp: int
    signer: bytes
    def __init__(self, region: _Optional[_Union[_radio_pb2.region, str]] = ..., params: _Optional[_Union[blockchain_region_params_v1, _Mapping]] = ..., gain: _Optional[int] = ..., signature: _Optional[bytes] = ..., timestamp: _Optional[int] = ..., signer: _Optional[bytes] = ...) -> None: ...
