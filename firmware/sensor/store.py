# What must survive a power cut, in NVS: counters that are never used twice, and the session.
#
# A counter is written ahead: NVS holds the first value that may not be used yet, so one write serves many
# uses, and after a power cut the device goes on from there. The gap costs nothing: networks expect lost
# frames.

import struct

from esp32 import NVS
from micropython import const

_NONCES_AHEAD = const(8)
_FRAMES_AHEAD = const(64)
_LAYOUT = "<BB4s16s16sBBBIBBHBB"  # layout, valid, then the fields of Session
_VERSION = const(1)
_CHANNEL = "<IIBB"
_BLOB_SIZE = const(256)


class OutOfNonces(Exception):
    pass


class Session:
    # What joining has agreed on, and what the network has changed since.

    def __init__(self, region):
        self._region = region
        self.dev_addr = bytes(4)
        self.nwk_s_key = bytes(16)
        self.app_s_key = bytes(16)
        self.rx_delay_s = 1
        self.rx1_offset = 0
        self.rx2_data_rate = region.rx2[1]
        self.rx2_frequency = region.rx2[0]
        self.data_rate = region.home_data_rate
        self.power_index = 0
        self.channel_mask = region.home_mask
        self.repeats = 1
        self.duty_exponent = 0
        # (frequency, downlink frequency, lowest, highest data rate) or None.
        self.channels = [None] * region.most_channels
        for index in range(len(region.channels)):
            frequency, low, high = region.channels[index]
            self.channels[index] = (frequency, frequency, low, high)

    def pack(self):
        head = struct.pack(
            _LAYOUT,
            _VERSION,
            1,
            self.dev_addr,
            self.nwk_s_key,
            self.app_s_key,
            self.rx_delay_s,
            self.rx1_offset,
            self.rx2_data_rate,
            self.rx2_frequency,
            self.data_rate,
            self.power_index,
            self.channel_mask,
            self.repeats,
            self.duty_exponent,
        )
        for channel in self.channels:
            head += struct.pack(_CHANNEL, *(channel or (0, 0, 0, 0)))
        return head

    def unpack(self, blob):
        # False if it holds no session of this layout.
        size = struct.calcsize(_LAYOUT)
        step = struct.calcsize(_CHANNEL)
        if len(blob) != size + step * len(self.channels):
            return False
        values = struct.unpack_from(_LAYOUT, blob, 0)
        if values[0] != _VERSION or values[1] != 1:
            return False
        self.dev_addr, self.nwk_s_key, self.app_s_key, self.rx_delay_s = values[2:6]
        self.rx1_offset, self.rx2_data_rate, self.rx2_frequency = values[6:9]
        self.data_rate, self.power_index, self.channel_mask, self.repeats, self.duty_exponent = values[9:]
        for index in range(len(self.channels)):
            channel = struct.unpack_from(_CHANNEL, blob, size + step * index)
            self.channels[index] = channel if channel[0] else None
        return True


class Store:
    def __init__(self, dev_eui):
        # Another identity on the same board begins anew.
        self._nvs = NVS("sensor")
        buffer = bytearray(8)
        try:
            self._nvs.get_blob("dev_eui", buffer)
        except OSError:
            pass
        if bytes(buffer) != dev_eui:
            self._nvs.set_i32("nonce_end", 0)
            self._nvs.set_blob("session", b"\0")
            self._nvs.set_blob("dev_eui", dev_eui)
            self._nvs.commit()
        self._nonce = self._nonce_end = self._get("nonce_end", 0)
        self._f_cnt = self._f_cnt_end = self._get("up_end", 0)
        self.f_cnt_down = self._get("down", -1)

    def _get(self, key, default):
        try:
            return self._nvs.get_i32(key)
        except OSError:
            return default

    def _set(self, key, value):
        self._nvs.set_i32(key, value)
        self._nvs.commit()

    def take_dev_nonce(self):
        if self._nonce > 0xFFFF:
            raise OutOfNonces("all 65536 join nonces are used; give the device a new AppKey and DevEUI")
        if self._nonce == self._nonce_end:
            self._nonce_end = self._nonce + _NONCES_AHEAD
            self._set("nonce_end", self._nonce_end)
        self._nonce += 1
        return self._nonce - 1

    def take_f_cnt(self):
        if self._f_cnt == self._f_cnt_end:
            self._f_cnt_end = self._f_cnt + _FRAMES_AHEAD
            self._set("up_end", self._f_cnt_end)
        self._f_cnt += 1
        return self._f_cnt - 1

    def set_f_cnt_down(self, f_cnt):
        # At each downlink: they are few, and one that could be played again after a power cut would be
        # obeyed again.
        self.f_cnt_down = f_cnt
        self._set("down", f_cnt)

    def begin_session(self, session):
        # Order matters: at no moment may NVS hold a session together with counters of another.
        self._nvs.set_blob("session", b"\0")
        self._nvs.commit()
        self._nvs.set_i32("up_end", 0)
        self._nvs.set_i32("down", -1)
        self._nvs.commit()
        self._f_cnt = self._f_cnt_end = 0
        self.f_cnt_down = -1
        self.save_session(session)

    def save_session(self, session):
        self._nvs.set_blob("session", session.pack())
        self._nvs.commit()

    def end_session(self):
        self._nvs.set_blob("session", b"\0")
        self._nvs.commit()

    def load_session(self, session):
        # False if there is none.
        blob = bytearray(_BLOB_SIZE)
        try:
            length = self._nvs.get_blob("session", blob)
        except OSError:
            return False
        return session.unpack(bytes(blob[:length]))
