"""NetID and DevAddr: which network an address belongs to.

Source: LoRaWAN Backend Interfaces 1.0 section 9, LoRaWAN 1.0.4 section 6.1.1. A NetID (3 bytes) has a type
in its top three bits; a DevAddr (4 bytes) starts with the type as that many ones and a zero, then NwkID
bits, then NwkAddr. All byte strings are most significant byte first.
"""

import re

import msgspec

from router.lorawan.errors import InvalidField
from router.lorawan.frames import require_bytes

#: By NetID type: bits of the NetID that are its ID, and how many of them (the low ones) a DevAddr has.
_ID_BITS = (6, 6, 9, 21, 21, 21, 21, 21)
_NWK_ID_BITS = (6, 6, 9, 11, 12, 13, 15, 17)

_PREFIX = re.compile(r"([0-9a-fA-F]{8})(?:/([0-9]{1,2}))?")


class DevAddrPrefix(msgspec.Struct, frozen=True, order=True):
    """The first ``length`` bits of ``address`` (a number of 32 bits, zeros behind); written "e6da0000/15"."""

    address: int
    length: int

    def __post_init__(self) -> None:
        if not 0 <= self.length <= 32:
            raise InvalidField("dev_addr_prefix", f"length {self.length}; 0 to 32 exist")
        if self.address & ~self.mask & 0xFFFF_FFFF or not 0 <= self.address <= 0xFFFF_FFFF:
            raise InvalidField("dev_addr_prefix", f"{self.address:08x} has bits behind its {self.length}")

    @property
    def mask(self) -> int:
        return (0xFFFF_FFFF << 32 - self.length) & 0xFFFF_FFFF

    @property
    def first(self) -> int:
        return self.address

    @property
    def last(self) -> int:
        return self.address | ~self.mask & 0xFFFF_FFFF

    def contains(self, dev_addr: bytes) -> bool:
        return int.from_bytes(dev_addr, "big") & self.mask == self.address

    def is_subset_of(self, other: "DevAddrPrefix") -> bool:
        return self.length >= other.length and self.address & other.mask == other.address

    def __str__(self) -> str:
        return f"{self.address:08x}/{self.length}"


def parse_dev_addr_prefix(text: str) -> DevAddrPrefix:
    """ "e6da0000/15"; without "/length" the whole address. Raises ``InvalidField``."""
    match = _PREFIX.fullmatch(text)
    if match is None:
        raise InvalidField("dev_addr_prefix", f"{text[:40]!r}: write it like e6da0000/15")
    return DevAddrPrefix(int(match[1], 16), 32 if match[2] is None else int(match[2]))


def get_net_id_type(net_id: bytes) -> int:
    return require_bytes("net_id", net_id, 3)[0] >> 5


def get_net_id_id(net_id: bytes) -> bytes:
    """The ID within the NetID's type, in as few whole bytes as its bits need."""
    bits = _ID_BITS[get_net_id_type(net_id)]
    number = int.from_bytes(net_id, "big") & ((1 << bits) - 1)
    return number.to_bytes(-(-bits // 8), "big")


def compute_dev_addr_prefix(net_id: bytes) -> DevAddrPrefix:
    """The addresses that belong to ``net_id``."""
    net_id_type = get_net_id_type(net_id)
    nwk_id_bits = _NWK_ID_BITS[net_id_type]
    nwk_id = int.from_bytes(net_id, "big") & ((1 << nwk_id_bits) - 1)
    type_prefix = (1 << net_id_type + 1) - 2  # as many ones as the type, and a zero
    length = net_id_type + 1 + nwk_id_bits
    return DevAddrPrefix((type_prefix << nwk_id_bits | nwk_id) << 32 - length, length)


def apply_dev_addr_prefix(dev_addr: bytes, prefix: DevAddrPrefix) -> bytes:
    """``dev_addr`` moved into ``prefix``: its first bits replaced, the others kept."""
    rest = int.from_bytes(require_bytes("dev_addr", dev_addr, 4), "big") & ~prefix.mask & 0xFFFF_FFFF
    return (prefix.address | rest).to_bytes(4, "big")


def get_dev_addr_net_id_type(dev_addr: bytes) -> int:
    """Type 0 to 7 of the NetID that ``dev_addr`` belongs to; ``InvalidField`` for ff......, which has
    none.
    """
    first = require_bytes("dev_addr", dev_addr, 4)[0]
    for net_id_type in range(8):
        if not first & 0x80 >> net_id_type:
            return net_id_type
    raise InvalidField(
        "dev_addr", f"{dev_addr.hex()} starts with eight ones: no NetID type has such addresses"
    )


def get_dev_addr_nwk_id(dev_addr: bytes) -> bytes:
    """The NwkID bits of ``dev_addr``, in as few whole bytes as they need."""
    net_id_type = get_dev_addr_net_id_type(dev_addr)
    bits = _NWK_ID_BITS[net_id_type]
    number = int.from_bytes(dev_addr, "big") >> 32 - net_id_type - 1 - bits & ((1 << bits) - 1)
    return number.to_bytes(-(-bits // 8), "big")
