"""Adaptive data rate: ChirpStack's "default" algorithm as a pure function.

Source: ChirpStack v4 ``adr/default.rs`` by behaviour. Better link than needed: raise the data rate first,
then lower the power, in steps of 3 dB. Worse: raise the power, never lower the data rate (the device does
that itself). SNR and margins are dB; ``tx_power_index`` 0 is full power.
"""

from itertools import pairwise

import msgspec

HISTORY_LENGTH = 20
STEP_DB = 3
NOTHING_HEARD_DB = -999.0

#: Rows by packet loss (below 5, 10, 30 %, above), columns by current NbTrans 1 to 3.
_NB_TRANS = ((1, 1, 2), (1, 2, 3), (2, 3, 3), (3, 3, 3))
_LOSS_LIMITS_PERCENT = (5.0, 10.0, 30.0)


class AdrUplink(msgspec.Struct, frozen=True):
    """One uplink of the history: the best SNR among the gateways that heard it, and the power it was sent
    with.
    """

    f_cnt: int
    max_snr_db: float
    tx_power_index: int


class AdrSetting(msgspec.Struct, frozen=True):
    """What a LinkADRReq sets."""

    data_rate: int
    tx_power_index: int
    nb_trans: int


class AdrLimits(msgspec.Struct, frozen=True):
    """``max_data_rate`` is the highest 125 kHz LoRa data rate allowed; ``installation_margin_db`` the
    reserve.
    """

    max_data_rate: int
    max_tx_power_index: int
    required_snr_db: float
    installation_margin_db: float = 10.0


def compute_adr(
    current: AdrSetting, limits: AdrLimits, history: tuple[AdrUplink, ...], *, is_adr_on: bool = True
) -> AdrSetting:
    """The setting that the device should have; the same as ``current`` when there is nothing to change.

    ``history`` has the last uplinks at this data rate, oldest first, at most 20. ``limits.required_snr_db``
    is that of the current data rate.
    """
    if not is_adr_on:
        return current
    data_rate = min(current.data_rate, limits.max_data_rate)
    nb_trans = compute_nb_trans(current.nb_trans, compute_packet_loss_percent([up.f_cnt for up in history]))
    best_snr_db = max((up.max_snr_db for up in history), default=NOTHING_HEARD_DB)
    step_count = int((best_snr_db - limits.required_snr_db - limits.installation_margin_db) / STEP_DB)
    tx_power_index = current.tx_power_index
    # raising the power again waits for a full history at the present one, lest it swings
    at_current_power = sum(up.tx_power_index == tx_power_index for up in history)
    if step_count > 0 or at_current_power >= HISTORY_LENGTH:
        tx_power_index, data_rate = apply_steps(
            step_count, tx_power_index, data_rate, limits.max_tx_power_index, limits.max_data_rate
        )
    return AdrSetting(data_rate, tx_power_index, nb_trans)


def apply_steps(
    step_count: int, tx_power_index: int, data_rate: int, max_tx_power_index: int, max_data_rate: int
) -> tuple[int, int]:
    """``(tx_power_index, data_rate)`` after so many steps of 3 dB; negative steps only raise the power."""
    if step_count < 0:
        return max(0, tx_power_index + step_count) if tx_power_index > 0 else tx_power_index, data_rate
    faster = min(step_count, max(0, max_data_rate - data_rate))
    weaker = min(step_count - faster, max(0, max_tx_power_index - tx_power_index))
    return tx_power_index + weaker, data_rate + faster


def compute_packet_loss_percent(f_cnts: list[int]) -> float:
    """Uplinks missing between the first and the last of a full history, in percent of those heard; else 0."""
    if len(f_cnts) < HISTORY_LENGTH:
        return 0.0
    lost = sum(max(0, later - earlier - 1) for earlier, later in pairwise(f_cnts))
    return 100.0 * lost / len(f_cnts)


def compute_nb_trans(current_nb_trans: int, packet_loss_percent: float) -> int:
    """How often each uplink should be sent, 1 to 3."""
    row = sum(packet_loss_percent >= limit for limit in _LOSS_LIMITS_PERCENT)
    return _NB_TRANS[row][min(max(current_nb_trans, 1), 3) - 1]
