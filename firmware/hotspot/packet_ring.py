# Received packets until the host has acknowledged them, ready to be sent. When full, the oldest makes room
# and is counted: an old uplink is worth less than a new one.

import time

import link
from micropython import const

_AGAIN_MS = const(1000)  # a packet whose frame or acknowledgement was lost is offered again after this


class PacketRing:
    def __init__(self, slots):
        self._frames = [bytearray(link.PACKET_HEADER + link.MAX_RADIO_PAYLOAD) for _ in range(slots)]
        self._lengths = [0] * slots
        self._numbers = [0] * slots  # 0: free
        self._offer_at_ms = [0] * slots
        self._next_number = 1
        self._in_use = 0
        self.dropped = 0

    def __len__(self):
        return self._in_use

    def get_slots(self):
        return len(self._numbers)

    def _find_oldest(self):
        # The used slot with the lowest number.
        oldest = -1
        for slot in range(len(self._numbers)):
            number = self._numbers[slot]
            if number and (oldest < 0 or number < self._numbers[oldest]):
                oldest = slot
        return oldest

    def add(self, data, length, *fields):
        # fields: as link.pack_packet_into takes them behind the packet's number.
        if self._in_use == len(self._numbers):
            slot = self._find_oldest()
            self.dropped += 1
        else:
            slot = self._numbers.index(0)
            self._in_use += 1
        frame = self._frames[slot]
        number = self._next_number
        self._next_number += 1
        link.pack_packet_into(frame, number, *fields)
        start = link.PACKET_HEADER
        for index in range(length):
            frame[start + index] = data[index]
        self._lengths[slot] = start + length
        self._numbers[slot] = number
        self._offer_at_ms[slot] = time.ticks_ms()

    def acknowledge(self, number):
        # An unknown number is one acknowledged twice, or dropped meanwhile.
        if number and number in self._numbers:
            self._numbers[self._numbers.index(number)] = 0
            self._in_use -= 1

    def offer_all(self):
        # A new host listens: all are due now.
        now_ms = time.ticks_ms()
        for slot in range(len(self._numbers)):
            self._offer_at_ms[slot] = now_ms

    def find_due(self):
        # The oldest packet that is due to be offered, as a slot; -1 if none is.
        found = -1
        if self._in_use:
            now_ms = time.ticks_ms()
            for slot in range(len(self._numbers)):
                number = self._numbers[slot]
                if number and (found < 0 or number < self._numbers[found]):
                    if time.ticks_diff(self._offer_at_ms[slot], now_ms) <= 0:
                        found = slot
        return found

    def encode_into(self, out, slot):
        self._offer_at_ms[slot] = time.ticks_add(time.ticks_ms(), _AGAIN_MS)
        sequence = self._numbers[slot] & 0xFF
        return link.encode_into(out, link.PACKET, sequence, self._frames[slot], self._lengths[slot])
