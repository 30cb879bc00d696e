"""A LoRaWAN 1.0 class A device with the library's frames: joins, counts, decrypts."""

from router.lorawan.data_crypto import (
    SessionKeys,
    build_data_frame,
    decrypt_frm_payload,
    is_mic_valid_1_0,
)
from router.lorawan.frames import DataFrame, EncryptedJoinAccept, MType, parse_phy_payload
from router.lorawan.join import build_join_request, compute_session_keys_1_0, decrypt_join_accept


class Sensor:
    """`dev_nonce` counts up like a real device's."""

    def __init__(self, dev_eui: bytes, join_eui: bytes, app_key: bytes) -> None:
        self.dev_eui = dev_eui
        self.join_eui = join_eui
        self.app_key = app_key
        self.dev_nonce = 0
        self.dev_addr = b""
        self.keys: SessionKeys | None = None
        self.f_cnt = 0

    @classmethod
    def from_session(cls, dev_addr: bytes, nwk_s_key: bytes, app_s_key: bytes) -> "Sensor":
        sensor = cls(bytes(8), bytes(8), bytes(16))
        sensor.dev_addr = dev_addr
        sensor.keys = SessionKeys.from_1_0(nwk_s_key, app_s_key)
        return sensor

    def build_join_request(self) -> bytes:
        self.dev_nonce += 1
        return build_join_request(self.join_eui, self.dev_eui, self.dev_nonce, self.app_key)

    def take_join_accept(self, payload: bytes) -> int:
        """Start the session; returns RxDelay."""
        frame = parse_phy_payload(payload)
        assert isinstance(frame, EncryptedJoinAccept)
        accept = decrypt_join_accept(frame, self.app_key)
        self.keys = compute_session_keys_1_0(self.app_key, accept.join_nonce, accept.net_id, self.dev_nonce)
        self.dev_addr = accept.dev_addr
        self.f_cnt = 0
        assert accept.cf_list == b""
        return accept.rx_delay

    def build_uplink(
        self,
        data: bytes = b"hello",
        f_port: int | None = 1,
        *,
        confirmed: bool = False,
        ack: bool = False,
        f_opts: bytes = b"",
        f_cnt: int | None = None,
    ) -> bytes:
        assert self.keys is not None
        number = self.f_cnt if f_cnt is None else f_cnt
        self.f_cnt = number + 1
        return build_data_frame(
            self.keys,
            m_type=MType.CONFIRMED_UP if confirmed else MType.UNCONFIRMED_UP,
            dev_addr=self.dev_addr,
            f_cnt=number,
            f_port=f_port,
            frm_payload=data,
            f_opts=f_opts,
            ack=ack,
        )

    def read_downlink(self, payload: bytes, f_cnt: int) -> tuple[DataFrame, bytes]:
        """The frame and its plaintext; the MIC must fit this downlink counter."""
        assert self.keys is not None
        frame = parse_phy_payload(payload)
        assert isinstance(frame, DataFrame)
        assert frame.f_cnt == f_cnt & 0xFFFF
        assert is_mic_valid_1_0(payload, f_cnt, self.keys.nwk_s_key)
        return frame, decrypt_frm_payload(frame, f_cnt, self.keys)
