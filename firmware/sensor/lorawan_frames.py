# LoRaWAN 1.0.x frames of an end device: what it sends and what it takes (LoRaWAN 1.0.3 chapters 4 and 6).
# EUIs, keys and addresses are bytes in the order people write them; on the air EUIs and addresses are
# reversed.

import aes_cmac
from micropython import const

JOIN_REQUEST = const(0x00)
JOIN_ACCEPT = const(0x20)
UNCONFIRMED_UP = const(0x40)
UNCONFIRMED_DOWN = const(0x60)
CONFIRMED_DOWN = const(0xA0)
_TYPE = const(0xE0)
_MAJOR = const(0x03)
_ACK = const(0x20)
_FRAME_PENDING = const(0x10)
_UP = const(0)
_DOWN = const(1)
_MOST_GAP = const(16384)  # MAX_FCNT_GAP of 1.0.x


def reverse(data):
    return bytes(reversed(data))


def build_join_request(app_key, join_eui, dev_eui, dev_nonce):
    frame = bytes((JOIN_REQUEST,)) + reverse(join_eui) + reverse(dev_eui) + dev_nonce.to_bytes(2, "little")
    return frame + aes_cmac.compute_cmac(app_key, frame)[:4]


class JoinAccept:
    # The decrypted and proven answer to a join request.

    def __init__(self, plain, app_key, dev_nonce):
        self.dev_addr = reverse(plain[6:10])
        self.rx1_offset = plain[10] >> 4 & 7
        self.rx2_data_rate = plain[10] & 15
        self.rx_delay_s = plain[11] & 15 or 1
        self.nwk_s_key = _derive(app_key, 1, plain[0:6], dev_nonce)
        self.app_s_key = _derive(app_key, 2, plain[0:6], dev_nonce)


def _derive(app_key, kind, nonce_and_net_id, dev_nonce):
    # 6.2.5: kind | JoinNonce | NetID | DevNonce | zeros.
    return aes_cmac.encrypt(
        app_key, bytes((kind,)) + nonce_and_net_id + dev_nonce.to_bytes(2, "little") + bytes(7)
    )


def parse_join_accept(app_key, dev_nonce, frame):
    # None if it isn't one for this device: others' answers are heard too.
    if len(frame) not in (17, 33) or frame[0] & _TYPE != JOIN_ACCEPT or frame[0] & _MAJOR:
        return None
    # The network "decrypts" so that a device needs the cipher's one direction only.
    plain = aes_cmac.encrypt(app_key, frame[1:])
    if aes_cmac.compute_cmac(app_key, frame[:1] + plain[:-4])[:4] != plain[-4:]:
        return None
    return JoinAccept(plain[:-4], app_key, dev_nonce)


def _compute_mic(nwk_s_key, direction, dev_addr, f_cnt, message):
    block = bytes((0x49, 0, 0, 0, 0, direction)) + reverse(dev_addr) + f_cnt.to_bytes(4, "little")
    return aes_cmac.compute_cmac(nwk_s_key, block + bytes((0, len(message))) + message)[:4]


def crypt_payload(key, direction, dev_addr, f_cnt, payload):
    # 4.3.3; the same both ways.
    block = bytearray(16)
    block[0] = 1
    block[5] = direction
    block[6:10] = reverse(dev_addr)
    block[10:14] = f_cnt.to_bytes(4, "little")
    out = bytearray(payload)
    for at in range(0, len(out), 16):
        block[15] = at // 16 + 1
        stream = aes_cmac.encrypt(key, block)
        for index in range(at, min(at + 16, len(out))):
            out[index] ^= stream[index - at]
    return bytes(out)


def build_uplink(session, f_cnt, port, payload, f_opts, is_acknowledging):
    # port None: no port and no payload. f_opts at most 15 bytes.
    control = len(f_opts) | (_ACK if is_acknowledging else 0)
    frame = bytes((UNCONFIRMED_UP,)) + reverse(session.dev_addr) + bytes((control,))
    frame += (f_cnt & 0xFFFF).to_bytes(2, "little") + f_opts
    if port is not None:
        key = session.nwk_s_key if port == 0 else session.app_s_key
        frame += bytes((port,)) + crypt_payload(key, _UP, session.dev_addr, f_cnt, payload)
    return frame + _compute_mic(session.nwk_s_key, _UP, session.dev_addr, f_cnt, frame)


class Downlink:
    # confirmed, pending, acknowledged: as its flags say. port None: none; commands: MAC commands in the
    # clear.

    def __init__(self, f_cnt, confirmed, pending, port, payload, commands):
        self.f_cnt = f_cnt
        self.confirmed = confirmed
        self.pending = pending
        self.port = port
        self.payload = payload
        self.commands = commands


def parse_downlink(session, last_f_cnt, frame):
    # A Downlink, or None if it isn't a new and proven one for this session. last_f_cnt: -1 before the first.
    if len(frame) < 12 or frame[0] & _MAJOR or frame[0] & _TYPE not in (UNCONFIRMED_DOWN, CONFIRMED_DOWN):
        return None
    if frame[1:5] != reverse(session.dev_addr):
        return None
    control = frame[5]
    f_opts_end = 8 + (control & 15)
    if f_opts_end > len(frame) - 4:
        return None
    f_cnt = (last_f_cnt + 1 & 0xFFFF0000) | frame[6] | frame[7] << 8
    if f_cnt <= last_f_cnt:
        f_cnt += 0x10000
    if f_cnt - last_f_cnt > _MOST_GAP:
        return None
    body = frame[:-4]
    if _compute_mic(session.nwk_s_key, _DOWN, session.dev_addr, f_cnt, body) != frame[-4:]:
        return None
    port = None
    payload = b""
    commands = body[8:f_opts_end]
    if len(body) > f_opts_end:
        port = body[f_opts_end]
        key = session.nwk_s_key if port == 0 else session.app_s_key
        payload = crypt_payload(key, _DOWN, session.dev_addr, f_cnt, body[f_opts_end + 1 :])
        if port == 0:
            if commands:
                return None  # 4.3.1.6: both at once is to be dropped
            commands = payload
    confirmed = frame[0] & _TYPE == CONFIRMED_DOWN
    return Downlink(f_cnt, confirmed, bool(control & _FRAME_PENDING), port, payload, commands)
