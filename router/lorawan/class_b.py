"""Class B: when a device's ping slots are.

Source: LoRaWAN 1.0.4 section 13 (beacon period 128 s, 2.120 s reserved, 4096 slots of 30 ms). Times are on
the GPS time scale; a beacon time is a multiple of 128 s.
"""

from router.lorawan.aes import encrypt_blocks
from router.lorawan.errors import InvalidField
from router.lorawan.frames import require_bytes

BEACON_PERIOD_MS = 128_000
BEACON_RESERVED_MS = 2_120
SLOT_MS = 30
SLOTS_A_PERIOD = 4_096


def compute_ping_offset(beacon_time_s: int, dev_addr: bytes, ping_period_slots: int) -> int:
    """The device's first slot after the beacon, 0 to ``ping_period_slots`` - 1."""
    if not 0 < ping_period_slots <= SLOTS_A_PERIOD:
        raise InvalidField("ping_period", f"{ping_period_slots}; 1 to 4096 slots exist")
    block = (beacon_time_s & 0xFFFF_FFFF).to_bytes(4, "little") + require_bytes("dev_addr", dev_addr, 4)[::-1]
    random = encrypt_blocks(bytes(16), block + bytes(8))
    return (random[0] | random[1] << 8) % ping_period_slots


def compute_next_ping_slot_ms(after_ms: int, dev_addr: bytes, ping_nb: int) -> int:
    """Start of the device's first slot later than ``after_ms``; ``ping_nb`` slots in each beacon period, 1
    to 128.
    """
    if not 0 < ping_nb <= SLOTS_A_PERIOD:
        raise InvalidField("ping_nb", f"{ping_nb}; 1 to 128 slots a beacon period exist")
    ping_period_slots = SLOTS_A_PERIOD // ping_nb
    beacon_ms = after_ms - after_ms % BEACON_PERIOD_MS
    while True:
        offset = compute_ping_offset(beacon_ms // 1000, dev_addr, ping_period_slots)
        for number in range(ping_nb):
            slot_ms = beacon_ms + BEACON_RESERVED_MS + SLOT_MS * (offset + number * ping_period_slots)
            if slot_ms > after_ms:
                return slot_ms
        beacon_ms += BEACON_PERIOD_MS
