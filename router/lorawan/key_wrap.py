"""Key envelopes: a key wrapped under a key encryption key (KEK), as network and join servers exchange them.

Source: RFC 3394, named by LoRaWAN Backend Interfaces 1.0 section 10.2.
"""

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from router.lorawan.errors import InvalidField, MalformedFrame


def wrap_key(kek: bytes, key: bytes) -> bytes:
    """``key`` (16 bytes or more, in eights) wrapped under ``kek`` (16, 24 or 32 bytes); 8 bytes longer."""
    if len(kek) not in (16, 24, 32):
        raise InvalidField("kek", f"{len(kek)} bytes; 16, 24 or 32 expected")
    if len(key) < 16 or len(key) % 8:
        raise InvalidField("key", f"{len(key)} bytes; at least 16 and a multiple of 8 expected")
    return aes_key_wrap(kek, key)


def unwrap_key(kek: bytes, wrapped: bytes) -> bytes:
    """The inverse of ``wrap_key``; ``MalformedFrame`` if it was wrapped under another KEK or altered."""
    if len(kek) not in (16, 24, 32):
        raise InvalidField("kek", f"{len(kek)} bytes; 16, 24 or 32 expected")
    try:
        return aes_key_unwrap(kek, wrapped)
    except (InvalidUnwrap, ValueError):
        raise MalformedFrame("wrapped_key", "not wrapped under this KEK") from None
