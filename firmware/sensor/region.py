# What a device must know of its region (LoRaWAN Regional Parameters 1.0.3, 2.2; ETSI EN 300 220-2 annex B
# for duty cycles).

from micropython import const

_MOST_CHANNELS = const(16)


class Region:
    def __init__(self, name, limits, data_rates, channels, home_mask, home_data_rate, rx2, bands, eirp_dbm):
        self.name = name
        self.low_hz, self.high_hz = limits
        self.data_rates = data_rates  # (spreading factor, bandwidth, most bytes of application payload)
        self.channels = channels  # that every device has: (frequency, lowest, highest data rate)
        self.home_mask = home_mask  # the channels that hotspots listen on
        self.home_data_rate = home_data_rate
        self.rx2 = rx2  # (frequency, data rate)
        self.bands = bands  # (from, to, 1 / duty cycle)
        self.eirp_dbm = eirp_dbm
        self.most_channels = _MOST_CHANNELS

    def find_band(self, frequency_hz):
        for index in range(len(self.bands)):
            if self.bands[index][0] <= frequency_hz < self.bands[index][1]:
                return index
        return -1

    def compute_rx1_data_rate(self, data_rate, offset):
        return max(0, data_rate - offset)


_EU868 = Region(
    "EU868",
    (863_000_000, 870_000_000),
    (
        (12, 125_000, 51),
        (11, 125_000, 51),
        (10, 125_000, 51),
        (9, 125_000, 115),
        (8, 125_000, 222),
        (7, 125_000, 222),
        (7, 250_000, 222),
    ),
    ((868_100_000, 0, 5), (868_300_000, 0, 5), (868_500_000, 0, 5)),
    0x0001,
    5,
    (869_525_000, 0),
    (
        (863_000_000, 865_000_000, 1000),
        (865_000_000, 868_600_000, 100),
        (868_700_000, 869_200_000, 1000),
        (869_400_000, 869_650_000, 10),
        (869_700_000, 870_000_000, 100),
    ),
    16,
)

_REGIONS = (_EU868,)


def get_region(name):
    for region in _REGIONS:
        if region.name == name:
            return region
    known = " or ".join([region.name for region in _REGIONS])
    raise ValueError("region %s is unknown; use %s" % (name, known))
