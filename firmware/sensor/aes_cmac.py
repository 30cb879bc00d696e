# AES-128 of single blocks by the chip's cryptolib, and CMAC (RFC 4493) on it.

import cryptolib
from micropython import const

_ECB = const(1)
_BLOCK = const(16)


def encrypt(key, blocks):
    return cryptolib.aes(key, _ECB).encrypt(blocks)


def _double(block):
    # Times x in GF(2**128): RFC 4493, 2.3.
    out = bytearray(_BLOCK)
    carry = 0
    for index in range(_BLOCK - 1, -1, -1):
        value = block[index] << 1 | carry
        out[index] = value & 0xFF
        carry = value >> 8
    if carry:
        out[_BLOCK - 1] ^= 0x87
    return out


def compute_cmac(key, message):
    cipher = cryptolib.aes(key, _ECB)
    subkey = _double(cipher.encrypt(bytes(_BLOCK)))
    blocks = (len(message) + _BLOCK - 1) // _BLOCK
    whole = blocks > 0 and len(message) == blocks * _BLOCK
    if blocks == 0:
        blocks = 1
    if not whole:
        subkey = _double(subkey)
    state = bytearray(_BLOCK)
    for block in range(blocks):
        start = block * _BLOCK
        for index in range(_BLOCK):
            at = start + index
            state[index] ^= message[at] if at < len(message) else 0x80 if at == len(message) else 0
        if block == blocks - 1:
            for index in range(_BLOCK):
                state[index] ^= subkey[index]
        state[:] = cipher.encrypt(state)
    return bytes(state)
