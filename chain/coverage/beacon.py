"""What a beacon says: 51 bytes that nobody could know before the round opened, and that anybody can
recompute once the beaconer has told its secret.

The construction is Helium's bit for bit: the round's public entropy and the beaconer's local entropy
are hashed to a seed, a ChaCha12 stream gives the bytes. Until the beaconer reports its local entropy,
only a radio within earshot (or somebody told by one) knows them; a witness proves by repeating them
that it, or a friend, heard the beacon. What catches the friend is the pattern of signal strengths and timing.

Deployed gateways draw 4 bytes of local entropy, which anybody who knows the public part guesses by 2^32
trials; hexhaul asks for at least 16 and marks the 4-byte form as the weaker evidence it is.

Source: helium/proto ``beacon/src/lib.rs``; proof-of-coverage facts 2.2; radio facts 6.4.
"""

import hashlib
from functools import lru_cache
from itertools import islice

from chain.coverage.chacha12 import iterate_chacha12_words
from hardware.lora.airtime import compute_time_on_air_us

#: Bytes of a beacon, without the LoRaWAN header byte.
BEACON_DATA_BYTES = 51

#: LoRaWAN MHDR of a proprietary frame, major version 0.
PROPRIETARY_MHDR = 0xE0

#: Bytes of a beacon on the air: header and data.
BEACON_PHY_PAYLOAD_BYTES = 1 + BEACON_DATA_BYTES

PUBLIC_ENTROPY_BYTES = 32

#: What deployed gateways draw.
STOCK_LOCAL_ENTROPY_BYTES = 4
#: What ours draw: at least this, at most the other.
MINIMUM_LOCAL_ENTROPY_BYTES = 16
MAXIMUM_LOCAL_ENTROPY_BYTES = 64


def is_local_entropy_well_formed(local_entropy: bytes) -> bool:
    """Whether this can be local entropy at all: 4 bytes (a deployed gateway's) or 16 to 64 (ours)."""
    length = len(local_entropy)
    return (
        length == STOCK_LOCAL_ENTROPY_BYTES
        or MINIMUM_LOCAL_ENTROPY_BYTES <= length <= MAXIMUM_LOCAL_ENTROPY_BYTES
    )


def compute_beacon_seed(public_entropy: bytes, timestamp_s: int, local_entropy: bytes) -> bytes:
    """SHA-256 over public entropy, its time (64-bit little-endian, seconds), local entropy and its
    time, which deployed gateways always send as zero.

    ``ValueError`` for entropy of a wrong length or a time that doesn't fit 64 bits.
    """
    if len(public_entropy) != PUBLIC_ENTROPY_BYTES:
        raise ValueError(f"public entropy has {PUBLIC_ENTROPY_BYTES} bytes, this has {len(public_entropy)}")
    if not is_local_entropy_well_formed(local_entropy):
        raise ValueError(
            f"local entropy has {STOCK_LOCAL_ENTROPY_BYTES} bytes or {MINIMUM_LOCAL_ENTROPY_BYTES} to "
            f"{MAXIMUM_LOCAL_ENTROPY_BYTES}, this has {len(local_entropy)}"
        )
    if not 0 <= timestamp_s < 1 << 63:
        raise ValueError(f"entropy time {timestamp_s} s is outside 0 .. 2^63-1")
    no_local_time = bytes(8)
    return hashlib.sha256(
        public_entropy + timestamp_s.to_bytes(8, "little") + local_entropy + no_local_time
    ).digest()


def compute_beacon_data(public_entropy: bytes, timestamp_s: int, local_entropy: bytes) -> bytes:
    """The 51 bytes of the beacon that belongs to this entropy: the low byte of each ChaCha12 output.

    ``public_entropy`` (32 bytes) and ``timestamp_s`` are the round's (``/v1/poc/round`` or poc_entropy);
    ``local_entropy`` is the beaconer's secret, told only in its report. ``ValueError`` as for the seed.
    """
    seed = compute_beacon_seed(public_entropy, timestamp_s, local_entropy)
    return bytes(word & 0xFF for word in islice(iterate_chacha12_words(seed), BEACON_DATA_BYTES))


def build_beacon_phy_payload(data: bytes) -> bytes:
    """The 52 bytes that go on the air: MHDR 0xE0 and the beacon's data. Sent with non-inverted IQ, sync
    word 0x34, coding rate 4/5 and a CRC, so that other hotspots receive it as they do a sensor's frame."""
    if len(data) != BEACON_DATA_BYTES:
        raise ValueError(f"a beacon has {BEACON_DATA_BYTES} bytes of data, this has {len(data)}")
    return bytes([PROPRIETARY_MHDR]) + data


def parse_beacon_phy_payload(phy_payload: bytes) -> bytes | None:
    """The 51 bytes of a received frame that may be a beacon, or None where it can't be one."""
    if len(phy_payload) != BEACON_PHY_PAYLOAD_BYTES or phy_payload[0] != PROPRIETARY_MHDR:
        return None
    return phy_payload[1:]


def compute_stock_channel_index(data: bytes, channels: int) -> int:
    """The channel that a deployed gateway takes: the first two bytes of the beacon, little-endian, modulo
    the number of the region's channels. Our own beacons' channel is ordered by the challenge instead."""
    if channels < 1:
        raise ValueError("a region has at least one channel")
    return int.from_bytes(data[:2], "little") % channels


@lru_cache(maxsize=64)
def compute_beacon_airtime_ms(spreading_factor: int, bandwidth_hz: int) -> int:
    """Time on air of a beacon's 52 bytes, whole milliseconds rounded down (SF8 at 125 kHz: 185)."""
    return compute_time_on_air_us(BEACON_PHY_PAYLOAD_BYTES, spreading_factor, bandwidth_hz) // 1000
