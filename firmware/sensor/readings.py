# What the sensor measures, as a Cayenne LPP payload: channel, type, value, big endian, again and again.

from machine import ADC, UART, Pin
from micropython import const
from nmea import NmeaReader

_ANALOG_INPUT = const(0x02)  # 0.01, 2 bytes signed
_TEMPERATURE = const(0x67)  # 0.1 degree C, 2 bytes signed
_HUMIDITY = const(0x68)  # 0.5 %, 1 byte
_GPS = const(0x88)  # 0.0001 degree, 0.0001 degree, 0.01 m, 3 bytes each, signed
_SAMPLES = const(8)

_EMPTY_UV = const(3_300_000)  # a lithium cell
_FULL_UV = const(4_200_000)

# 10 k NTC, B = 3950, in series with 10 k: share of the supply across it in ten-thousandths, for -40 to 85
# degrees C in steps of 5. R = R25 exp(B (1/T - 1/298.15)), share = R / (R + 10 k).
_NTC = (
    9757, 9657, 9524, 9352, 9133, 8862, 8535, 8149, 7708, 7216, 6686, 6130, 5563,
    5000, 4456, 3941, 3465, 3030, 2641, 2295, 1991, 1726, 1496, 1298, 1127, 980,
)  # fmt: skip
_NTC_FIRST = const(-400)
_NTC_STEP = const(50)


def compute_temperature_d(voltage_uv, supply_uv):
    # Tenths of a degree; outside of the table its end.
    share = voltage_uv * 10_000 // supply_uv
    if share >= _NTC[0]:
        return _NTC_FIRST
    for index in range(1, len(_NTC)):
        if share >= _NTC[index]:
            part = (_NTC[index - 1] - share) * _NTC_STEP // (_NTC[index - 1] - _NTC[index])
            return _NTC_FIRST + (index - 1) * _NTC_STEP + part
    return _NTC_FIRST + (len(_NTC) - 1) * _NTC_STEP


def compute_moisture_half_percent(voltage_uv, dry_uv, wet_uv):
    # In half per cents from dry (0) to wet (200).
    value = (voltage_uv - dry_uv) * 200 // (wet_uv - dry_uv)
    return max(0, min(200, value))


def compute_battery_level(voltage_uv):
    # As DevStatusAns has it: 1 empty to 254 full.
    return max(1, min(254, 1 + (voltage_uv - _EMPTY_UV) * 253 // (_FULL_UV - _EMPTY_UV)))


def _signed(value, size):
    value &= (1 << 8 * size) - 1  # two's complement; MicroPython's to_bytes has no signed
    return value.to_bytes(size, "big")


class _Input:
    # One analog input, averaged, as the microvolts before its divider.

    def __init__(self, part):
        self._adc = ADC(Pin(part["pin"]), atten=ADC.ATTN_11DB)
        self._ratio = part.get("ratio_x1000", 1000)

    def read_uv(self):
        total = 0
        for _ in range(_SAMPLES):
            total += self._adc.read_uv()
        return total // _SAMPLES * self._ratio // 1000


class Collar:
    # A dog collar: position and battery.

    def __init__(self, board):
        gps = board["gps"]
        self.uart = UART(gps["uart"], baudrate=gps["baud"], rx=gps["rx"], tx=gps["tx"], rxbuf=1024, timeout=0)
        self._battery = _Input(board["battery"])
        self._nmea = NmeaReader()
        self._buffer = bytearray(128)

    def read_uart(self):
        # A GPS receiver says some 500 bytes a second.
        while True:
            count = self.uart.readinto(self._buffer)
            if not count:
                return
            self._nmea.feed(self._buffer, count)

    def get_battery_level(self):
        return compute_battery_level(self._battery.read_uv())

    def build_payload(self):
        payload = b""
        if self._nmea.has_fix:
            payload = bytes((1, _GPS)) + _signed(self._nmea.latitude_e4, 3)
            payload += _signed(self._nmea.longitude_e4, 3) + _signed(self._nmea.altitude_cm, 3)
        return payload + bytes((2, _ANALOG_INPUT)) + _signed(self._battery.read_uv() // 10_000, 2)


class Garden:
    # A garden sensor: temperature and soil moisture.

    uart = None

    def __init__(self, board):
        self._temperature = _Input(board["temperature"])
        self._supply_uv = board["temperature"]["supply_uv"]
        self._soil = _Input(board["soil"])
        self._dry_uv = board["soil"]["dry_uv"]
        self._wet_uv = board["soil"]["wet_uv"]

    def read_uart(self):
        return

    def get_battery_level(self):
        return 255  # it can't tell

    def build_payload(self):
        temperature = compute_temperature_d(self._temperature.read_uv(), self._supply_uv)
        moisture = compute_moisture_half_percent(self._soil.read_uv(), self._dry_uv, self._wet_uv)
        return bytes((1, _TEMPERATURE)) + _signed(temperature, 2) + bytes((2, _HUMIDITY, moisture))


def make_readings(kind, board):
    if kind == "collar":
        return Collar(board)
    if kind == "garden":
        return Garden(board)
    raise ValueError("kind %s is unknown; use collar or garden" % kind)
