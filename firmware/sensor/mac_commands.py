# MAC commands that a network sends to a device, and the answers it is due (LoRaWAN 1.0.3, chapter 5).

from micropython import const

LINK_CHECK = const(0x02)
_LINK_ADR = const(0x03)
_DUTY_CYCLE = const(0x04)
_RX_PARAM_SETUP = const(0x05)
_DEV_STATUS = const(0x06)
_NEW_CHANNEL = const(0x07)
_RX_TIMING_SETUP = const(0x08)
_TX_PARAM_SETUP = const(0x09)
_DL_CHANNEL = const(0x0A)
_DEVICE_TIME = const(0x0D)

_MOST_F_OPTS = const(15)
# Length of what follows each command's byte. An unknown one ends the reading: its length isn't known.
_LENGTHS = {
    LINK_CHECK: 2,
    _LINK_ADR: 4,
    _DUTY_CYCLE: 1,
    _RX_PARAM_SETUP: 4,
    _DEV_STATUS: 0,
    _NEW_CHANNEL: 5,
    _RX_TIMING_SETUP: 1,
    _TX_PARAM_SETUP: 1,
    _DL_CHANNEL: 4,
    _DEVICE_TIME: 5,
}


class MacCommands:
    # Applies commands to the session and collects answers for the next uplink.

    def __init__(self, region, session):
        self._region = region
        self._session = session
        self._answers = b""
        self._sticky = b""  # repeated until a downlink comes: 5.4, 5.7, 5.9
        self.link_checked = False  # a LinkCheckAns has come

    def get_answers(self):
        # For the next uplink's FOpts: whole answers, as many as fit.
        answers = self._sticky + self._answers
        self._answers = b""
        return answers[:_MOST_F_OPTS] if len(answers) <= _MOST_F_OPTS else _cut(answers)

    def process(self, commands, snr_db, battery):
        # True if the session has changed. battery: 0 external supply, 1..254 level, 255 unknown.
        self._sticky = b""
        changed = False
        at = 0
        while at < len(commands):
            command = commands[at]
            length = _LENGTHS.get(command)
            if length is None or at + 1 + length > len(commands):
                break
            body = commands[at + 1 : at + 1 + length]
            at += 1 + length
            if command == LINK_CHECK:
                self.link_checked = True
            elif command == _LINK_ADR:
                # A run of them is one block: atomic, the last one's data rate, power and repeats hold (5.2).
                block = [body]
                while at + 5 <= len(commands) and commands[at] == _LINK_ADR:
                    block.append(commands[at + 1 : at + 5])
                    at += 5
                status = self._process_link_adr(block)
                self._answers += bytes((_LINK_ADR, status)) * len(block)
                changed = changed or status == 7
            elif command == _DUTY_CYCLE:
                self._session.duty_exponent = body[0] & 15
                self._answers += bytes((_DUTY_CYCLE,))
                changed = True
            elif command == _RX_PARAM_SETUP:
                status = self._process_rx_param_setup(body)
                self._sticky += bytes((_RX_PARAM_SETUP, status))
                changed = changed or status == 7
            elif command == _DEV_STATUS:
                margin = max(-32, min(31, snr_db))
                self._answers += bytes((_DEV_STATUS, battery, margin & 0x3F))
            elif command == _NEW_CHANNEL:
                status = self._process_new_channel(body)
                self._answers += bytes((_NEW_CHANNEL, status))
                changed = changed or status == 3
            elif command == _RX_TIMING_SETUP:
                self._session.rx_delay_s = body[0] & 15 or 1
                self._sticky += bytes((_RX_TIMING_SETUP,))
                changed = True
            elif command == _DL_CHANNEL:
                status = self._process_dl_channel(body)
                self._sticky += bytes((_DL_CHANNEL, status))
                changed = changed or status == 3
            # TxParamSetup means nothing in regions without dwell time and gets no answer (5.8). The
            # network's time, asked by nobody here, is let pass.
        return changed

    def _is_frequency(self, frequency):
        return self._region.low_hz <= frequency < self._region.high_hz

    def _process_link_adr(self, block):
        session = self._session
        mask = session.channel_mask
        mask_ok = True
        for body in block:
            wanted = body[1] | body[2] << 8
            control = body[3] >> 4 & 7
            if control == 6:  # all that are defined
                mask = 0
                for index in range(len(session.channels)):
                    if session.channels[index] is not None:
                        mask |= 1 << index
            elif control == 0:
                mask = wanted
            else:
                mask_ok = False
        data_rate = block[-1][0] >> 4
        power_index = block[-1][0] & 15
        repeats = block[-1][3] & 15 or 1
        if data_rate == 15:
            data_rate = session.data_rate
        if power_index == 15:
            power_index = session.power_index
        rate_ok = False
        for index in range(len(session.channels)):
            if mask >> index & 1:
                channel = session.channels[index]
                if channel is None:
                    mask_ok = False
                elif channel[2] <= data_rate <= channel[3]:
                    rate_ok = True
        mask_ok = mask_ok and mask != 0
        power_ok = power_index <= 7
        if mask_ok and rate_ok and power_ok:
            session.channel_mask = mask
            session.data_rate = data_rate
            session.power_index = power_index
            session.repeats = repeats
        return (4 if power_ok else 0) | (2 if rate_ok else 0) | (1 if mask_ok else 0)

    def _process_rx_param_setup(self, body):
        offset = body[0] >> 4 & 7
        data_rate = body[0] & 15
        frequency = _read_frequency(body, 1)
        offset_ok = offset <= 5
        rate_ok = data_rate < len(self._region.data_rates)
        frequency_ok = self._is_frequency(frequency)
        if offset_ok and rate_ok and frequency_ok:
            self._session.rx1_offset = offset
            self._session.rx2_data_rate = data_rate
            self._session.rx2_frequency = frequency
        return (4 if offset_ok else 0) | (2 if rate_ok else 0) | (1 if frequency_ok else 0)

    def _process_new_channel(self, body):
        session = self._session
        index = body[0]
        frequency = _read_frequency(body, 1)
        low = body[4] & 15
        high = body[4] >> 4
        if index < len(self._region.channels) or index >= len(session.channels):
            return 0  # the default channels can't be changed
        rate_ok = low <= high < len(self._region.data_rates)
        frequency_ok = frequency == 0 or self._region.find_band(frequency) >= 0
        if rate_ok and frequency_ok:
            session.channels[index] = None if frequency == 0 else (frequency, frequency, low, high)
            if frequency == 0:
                session.channel_mask &= ~(1 << index)
            else:
                session.channel_mask |= 1 << index
        return (2 if rate_ok else 0) | (1 if frequency_ok else 0)

    def _process_dl_channel(self, body):
        channels = self._session.channels
        frequency = _read_frequency(body, 1)
        frequency_ok = self._is_frequency(frequency)
        channel = channels[body[0]] if body[0] < len(channels) else None
        if frequency_ok and channel is not None:
            channels[body[0]] = (channel[0], frequency, channel[2], channel[3])
        return (2 if channel is not None else 0) | (1 if frequency_ok else 0)


def _read_frequency(body, at):
    return (body[at] | body[at + 1] << 8 | body[at + 2] << 16) * 100


# Bytes that follow each answer's command byte.
_ANSWER_LENGTHS = {
    _LINK_ADR: 1,
    _DUTY_CYCLE: 0,
    _RX_PARAM_SETUP: 1,
    _DEV_STATUS: 2,
    _NEW_CHANNEL: 1,
    _RX_TIMING_SETUP: 0,
    _DL_CHANNEL: 1,
}


def _cut(answers):
    # 5: answers that don't fit are left out whole, the network asks again.
    end = 0
    while end < len(answers):
        step = 1 + _ANSWER_LENGTHS[answers[end]]
        if end + step > _MOST_F_OPTS:
            break
        end += step
    return answers[:end]
