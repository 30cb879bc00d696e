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
    INVALID_CAPABILITY = 5
    """The hotspot only carries data, or isn't in service any more."""
    IRREGULAR_INTERVAL = 7
    """Nobody ordered this hotspot to beacon in this round."""
    GATEWAY_NOT_FOUND = 8
    """No such hotspot on the chain."""
    DENIED = 9
    """The hotspot is excluded from Proof-of-Coverage; the verdict names until when and by what evidence."""
    INVALID_PACKET = 10
    """The bytes are not those that the entropies give."""
    BAD_RSSI = 11
    """The signal is stronger than free space allows at the asserted distance."""
    INVALID_REGION = 12
    """Witness and beaconer stand in different regions."""
    MAX_DISTANCE_EXCEEDED = 13
    INVALID_FREQUENCY = 14
    SELF_WITNESS = 15
    BELOW_MIN_DISTANCE = 19
    DUPLICATE = 20
    """A second report of one hotspot about one beacon, or of a beacon whose bytes another reported first."""
    DENIED_EDGE = 21
    """This pair is excluded: what the two say of each other doesn't count."""
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
    CLAIM_MISSING = 109
    """Nobody claimed this report before it was told, and this network counts only claimed ones."""
    CLAIM_LATE = 110
    """The claim came when others were being opened already."""
    OPENING_EARLY = 111
    """The report was told while claims were still taken."""
    OPENING_LATE = 112
    """The claim was opened after the round."""
    CLAIM_UNOPENED = 113
    """The report that was claimed never came."""
    BELOW_SENSITIVITY = 114
    """No receiver demodulates so weak a signal at this spreading factor."""
    RSSI_BELOW_SNR = 115
    """So high an SNR doesn't go with so weak a signal."""
    WITNESS_TOO_CLOSE = 116
    """Valid, but not rewarded: another rewarded witness is nearer than counts as another place."""
    NOT_DRAWN = 117
    """Valid, but not rewarded: the draw among more than are rewarded left it out."""

    @property
    def label(self) -> str:
        """Lower-case name, as in events and the HTTP API."""
        return self.name.lower()
