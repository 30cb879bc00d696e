# Positions from a GPS receiver's NMEA 0183 sentences, in integers: ten-thousandths of a degree and
# centimetres.

from micropython import const

_LONGEST = const(120)  # NMEA says 82; some receivers exceed it


class NmeaReader:
    # Feed bytes; has_fix, latitude_e4, longitude_e4 and altitude_cm are from the last right GGA sentence.

    def __init__(self):
        self._line = bytearray()
        self.has_fix = False
        self.latitude_e4 = 0
        self.longitude_e4 = 0
        self.altitude_cm = 0

    def feed(self, data, length):
        for index in range(length):
            byte = data[index]
            if byte == 0x24:  # $ begins a sentence wherever it stands
                self._line = bytearray()
            if byte == 0x0A:
                self._process(bytes(self._line).strip())
                self._line = bytearray()
            elif len(self._line) < _LONGEST:
                self._line.append(byte)

    def _process(self, line):
        if len(line) < 10 or line[0] != 0x24 or line[-3:-2] != b"*" or line[3:6] != b"GGA":
            return
        checksum = 0
        for byte in line[1:-3]:
            checksum ^= byte
        try:
            if int(line[-2:].decode(), 16) != checksum:
                return
            self._read(line[:-3].decode().split(","))
        except (ValueError, IndexError):
            return  # a field that is no number: as good as no sentence

    def _read(self, fields):
        # $--GGA,time,latitude,N,longitude,E,quality,satellites,hdop,altitude,M,...
        if fields[6] == "0" or not fields[6]:
            self.has_fix = False
            return
        latitude = _read_degrees(fields[2])
        longitude = _read_degrees(fields[4])
        altitude = _read_hundredths(fields[9])
        if latitude > 900_000 or longitude > 1_800_000:
            return
        self.latitude_e4 = -latitude if fields[3] == "S" else latitude
        self.longitude_e4 = -longitude if fields[5] == "W" else longitude
        self.altitude_cm = altitude
        self.has_fix = True


def _read_hundredths(text):
    whole, _, part = text.partition(".")
    value = abs(int(whole)) * 100 + int((part + "00")[:2])
    return -value if whole.startswith("-") else value


def _read_degrees(text):
    # [d]ddmm.mmmm to ten-thousandths of a degree, rounded.
    whole, _, part = text.partition(".")
    minutes_e5 = int(whole[-2:]) * 100_000 + int((part + "00000")[:5])
    if minutes_e5 >= 6_000_000:
        raise ValueError("minutes")
    return int(whole[:-2] or "0") * 10_000 + (minutes_e5 + 300) // 600
