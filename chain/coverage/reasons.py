"""Why a report was not believed. Codes 0 to 24 are Helium's (``invalid_reason`` of its lora_poc_v1), so that
its tools read ours; from 100 on they are hexhaul's own.
"""

from enum import IntEnum


class Reason(IntEnum):
    """Reason code of a verdict; ``NONE`` stands for an accepted report."""

    NONE = 0
    BAD_SIGNATURE = 1
    """Signed neither by the hotspot's key nor by a session key that the hotspot's key introduced."""
    NOT_ASSERTED = 2
    """The hotspot has no location on the chain."""
    ENTROPY_EXPIRED = 3
    """The report arrived outside of the round whose entropy counts."""
    BAD_ENTROPY = 4
    """The public entropy named in the report is not this round's."""
    IRREGULAR_INTERVAL = 7
    """Nobody ordered this hotspot to beacon in this round."""
    GATEWAY_NOT_FOUND = 8
    """No such hotspot on the chain."""
    INVALID_PACKET = 10
    """The bytes are not those that the entropies give."""
    BAD_RSSI = 11
    """The signal is stronger than free space allows at the asserted distance."""
    MAX_DISTANCE_EXCEEDED = 13
    INVALID_FREQUENCY = 14
    SELF_WITNESS = 15
    BELOW_MIN_DISTANCE = 19
    DUPLICATE = 20
    """A second report of one hotspot about one beacon, or of a beacon whose bytes another reported first."""
    TOO_LATE = 22
    """The witness report arrived too long after the beacon's report or after the first witness's."""

    WEAK_LOCAL_ENTROPY = 100
    """The beaconer's secret is shorter than this network asks for."""
    TOO_EARLY = 101
    """The report arrived before the beacon can have been on the air."""
    INVALID_DATA_RATE = 102
    INVALID_POWER = 103
    """The beacon's power is not the one that was ordered."""
    BEACON_UNKNOWN = 104
    """No beaconer of this round reported these bytes."""
    BEACON_INVALID = 105
    """The beacon that was heard was not accepted."""
    BAD_SNR = 106
    """No receiver demodulates this spreading factor at so low an SNR."""
    MALFORMED = 107
    """The bytes are no report."""
    TOO_MANY_REPORTS = 108
    """This hotspot, or all together, sent more reports in the round than are stored."""

    @property
    def label(self) -> str:
        """Lower-case name, as in events and the HTTP API."""
        return self.name.lower()
