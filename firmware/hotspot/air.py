# What the radio does when: the home config, listen windows away from it, and transmissions at their ticks.
#
# Times here are time.ticks_us(); everything lies within 120 s of now. A transmission takes the radio from
# PREPARE_US before its start to its end, whatever it was receiving; then reception goes on with what is due
# by then.

import gc
import time

import link
import sx1276
from micropython import const

_IDLE = const(0)
_WAITING = const(1)
_ON_AIR = const(2)

#: Where the radio is taken for a transmission: collect garbage, set the chip up, fill its FIFO.
_PREPARE_US = const(20_000)
#: From here on the processor waits in a loop that allocates nothing; before, it sleeps.
_SPIN_US = const(3_000)
_MOST_AHEAD_US = const(120_000_000)
_GAP_US = const(2_000)  # between the end of one transmission and the preparation of the next
_TX_GRACE_US = const(100_000)
_LONGEST_LISTEN_US = const(30_000_000)
_JOBS = const(8)
_WINDOWS = const(8)


class _Job:
    def __init__(self):
        self.state = _IDLE
        self.sequence = 0
        self.start_us = 0
        self.end_us = 0
        self.settings = None
        self.length = 0
        self.payload = bytearray(link.MAX_RADIO_PAYLOAD)


class _Window:
    def __init__(self):
        self.used = False
        self.start_us = 0
        self.end_us = 0
        self.settings = None


class Air:
    # on_packet(edge_us, settings, crc_right) is called with the packet in the radio's fields;
    # on_sent(sequence, result, started_us) when a transmission is over. settings: (frequency, bandwidth,
    # sf, coding rate, sync word, invert IQ).

    def __init__(self, radio, flag, tx_start_us, late_limit_us, on_packet, on_sent):
        self._radio = radio
        self._flag = flag
        self._tx_start_us = tx_start_us
        self._late_limit_us = late_limit_us
        self._on_packet = on_packet
        self._on_sent = on_sent
        self._jobs = [_Job() for _ in range(_JOBS)]
        self._windows = [_Window() for _ in range(_WINDOWS)]
        self._home = None
        self._listening = None
        self._on_air = None
        self._started_us = 0
        self.radio_ok = False
        self.radio_resets = 0
        self.latest_us = 0  # the latest start of a transmission so far
        self.problem = ""
        self.start_radio()

    def start_radio(self):
        self._listening = None
        try:
            self._radio.reset()
            self.radio_ok = True
        except sx1276.RadioError as error:
            self.problem = str(error)
            self.radio_ok = False
            return
        self._retune()

    # Requests

    def configure(self, settings):
        if not self._is_valid(settings):
            return link.INVALID
        self._home = settings
        if self._on_air is None:
            self._retune()
        return link.OK if self.radio_ok else link.RADIO_FAILED

    def listen(self, ahead_us, duration_us, settings):
        if not self._is_valid(settings) or not 0 < duration_us <= _LONGEST_LISTEN_US:
            return link.INVALID
        if ahead_us < 0:
            return link.TOO_LATE
        if ahead_us > _MOST_AHEAD_US:
            return link.TOO_EARLY
        start_us = time.ticks_add(time.ticks_us(), ahead_us)
        end_us = time.ticks_add(start_us, duration_us)
        free = None
        for window in self._windows:
            if not window.used:
                free = window
            elif (
                time.ticks_diff(start_us, window.end_us) < 0 and time.ticks_diff(window.start_us, end_us) < 0
            ):
                # The host repeats a request whose answer was lost: then it is this very window.
                apart_us = abs(time.ticks_diff(start_us, window.start_us))
                return link.OK if window.settings == settings and apart_us < 1000 else link.COLLISION
        if free is None:
            return link.COLLISION
        free.used = True
        free.start_us = start_us
        free.end_us = end_us
        free.settings = settings
        return link.OK

    def transmit(self, sequence, ahead_us, settings, power_dbm, preamble, crc, buffer, start, end):
        # ahead_us None: as soon as possible. OK: it is planned, on_sent follows. Else why not.
        length = end - start
        if not self._is_valid(settings) or not self._radio.is_power(power_dbm):
            return link.INVALID
        if not 1 <= length <= link.MAX_RADIO_PAYLOAD or not 6 <= preamble <= 1000:
            return link.INVALID
        if not self.radio_ok:
            return link.RADIO_FAILED
        if ahead_us is None:
            ahead_us = _PREPARE_US + 5_000
        if ahead_us < _PREPARE_US:
            return link.TOO_LATE
        if ahead_us > _MOST_AHEAD_US:
            return link.TOO_EARLY
        _, bandwidth, sf, coding_rate, _, _ = settings
        air_us = sx1276.compute_time_on_air_us(length, sf, bandwidth, coding_rate, preamble, crc)
        start_us = time.ticks_add(time.ticks_us(), ahead_us)
        end_us = time.ticks_add(start_us, air_us)
        free = None
        for job in self._jobs:
            if job.state == _IDLE:
                free = job
            elif (
                time.ticks_diff(start_us, job.end_us) < _PREPARE_US + _GAP_US
                and time.ticks_diff(job.start_us, end_us) < _PREPARE_US + _GAP_US
            ):
                return link.COLLISION
        if free is None:
            return link.COLLISION
        free.payload[:length] = buffer[start:end]
        free.length = length
        free.settings = settings + (crc, preamble, power_dbm)
        free.start_us = start_us
        free.end_us = end_us
        free.sequence = sequence
        free.state = _WAITING
        return link.OK

    def forget_senders(self):
        # The host that asked is gone: what is planned still goes out, but nobody is told.
        for job in self._jobs:
            job.sequence = -1

    def _is_valid(self, settings):
        frequency, bandwidth, sf, coding_rate, _, _ = settings
        if not 7 <= sf <= 12 or not 5 <= coding_rate <= 8 or not sx1276.is_bandwidth(bandwidth):
            return False
        return self._radio.is_in_band(frequency)

    # The loop's side

    def compute_next_us(self):
        # When run() has something to do next; None: not before the radio's interrupt.
        next_us = None
        if self._on_air is not None:
            next_us = time.ticks_add(self._on_air.end_us, _TX_GRACE_US)
        for job in self._jobs:
            if job.state == _WAITING:
                at_us = time.ticks_add(job.start_us, -_PREPARE_US)
                if next_us is None or time.ticks_diff(at_us, next_us) < 0:
                    next_us = at_us
        for window in self._windows:
            if window.used:
                started = window.settings is self._listening
                at_us = window.end_us if started else window.start_us
                if not started and self._on_air is not None:
                    continue  # it waits for the end of the transmission
                if next_us is None or time.ticks_diff(at_us, next_us) < 0:
                    next_us = at_us
        return next_us

    def run(self):
        if self._flag.raised:
            self._flag.raised = False
            self._process_events(self._radio.edge_us)
        now_us = time.ticks_us()
        job = self._on_air
        if job is not None and time.ticks_diff(now_us, job.end_us) > _TX_GRACE_US:
            self._process_events(now_us)  # perhaps only the interrupt was lost
            if self._on_air is not None:
                self.problem = "transmission did not end"
                self._fail()
        for job in self._jobs:
            if job.state == _WAITING and time.ticks_diff(job.start_us, time.ticks_us()) <= _PREPARE_US:
                if self._on_air is None:
                    self._transmit(job)
                else:  # the one before has overrun its time; planned ones keep apart
                    self._end(job, link.RADIO_FAILED, 0)
        for window in self._windows:
            if window.used and time.ticks_diff(window.end_us, now_us) <= 0:
                window.used = False
        if self._on_air is None:
            self._retune()

    def check_radio(self):
        # Every few seconds: a chip that has lost its mode hears nothing and says nothing.
        if self._on_air is not None:
            return
        self._process_events(time.ticks_us())
        if not self.radio_ok or (self._listening is not None and not self._radio.is_as_left()):
            self._fail()

    def _fail(self):
        self.radio_resets += 1
        job = self._on_air
        self._on_air = None
        if job is not None:
            self._end(job, link.RADIO_FAILED, 0)
        self.start_radio()

    def _get_due_settings(self):
        now_us = time.ticks_us()
        for window in self._windows:
            if window.used and time.ticks_diff(window.start_us, now_us) <= 0:
                if time.ticks_diff(window.end_us, now_us) > 0:
                    return window.settings
        return self._home

    def _retune(self):
        settings = self._get_due_settings()
        if settings is self._listening or not self.radio_ok:
            return
        self._process_events(time.ticks_us())  # what has just come in belongs to the settings before
        self._listening = settings
        if settings is not None:
            self._radio.listen(*settings)

    def _process_events(self, edge_us):
        if not self.radio_ok:
            return
        events = self._radio.read_events()
        if self._on_air is not None:
            if events & sx1276.TX_DONE:
                self._radio.clear_events(0xFF)
                job = self._on_air
                self._on_air = None
                self._end(job, link.OK, self._started_us)
                self._retune()
        elif events & sx1276.RX_DONE and self._listening is not None:
            good = self._radio.read_packet()
            self._on_packet(edge_us, self._listening, good)

    def _end(self, job, result, started_us):
        job.state = _IDLE
        self._on_sent(job.sequence, result, started_us)

    def _transmit(self, job):
        gc.collect()  # now, so that none is due before the start
        self._process_events(time.ticks_us())
        self._listening = None
        self._radio.prepare_transmit(*job.settings, memoryview(job.payload)[: job.length])
        at_us = time.ticks_add(job.start_us, -self._tx_start_us)
        late_us = self._start_at(at_us)
        if late_us > self._late_limit_us:
            self._end(job, link.TOO_LATE, 0)
            return
        self._on_air = job
        job.state = _ON_AIR
        if late_us > self.latest_us:
            self.latest_us = late_us
        self._started_us = time.ticks_add(job.start_us, late_us)
        job.end_us = time.ticks_add(job.end_us, late_us)

    def _start_at(self, at_us):
        # Start the prepared transmission at that instant, unless that has passed by more than the limit;
        # returns how late. Nothing here allocates (a test locks the heap): a garbage collection would take
        # milliseconds.
        ticks_us = time.ticks_us
        ticks_diff = time.ticks_diff
        left_us = ticks_diff(at_us, ticks_us()) - _SPIN_US
        if left_us > 1000:
            time.sleep_ms(left_us // 1000)
        while ticks_diff(at_us, ticks_us()) > 0:
            pass
        late_us = ticks_diff(ticks_us(), at_us)
        if late_us <= self._late_limit_us:
            self._radio.start_transmit()
        return late_us
