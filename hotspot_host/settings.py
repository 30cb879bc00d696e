"""What `hexhaul hotspot setup` writes down and `hexhaul hotspot run` goes by: one JSON file per hotspot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import h3
import msgspec

from chain.store.durable_file import check_folder, make_folder, write_file_durably
from hardware.lora.regions import get_region

LOCATION_RESOLUTION = 12

_FILE = "hotspot.json"


class BadSettings(ValueError):
    """A value that can't be; the message names it, the rule and the remedy."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One hotspot."""

    port: str
    """The board's serial port."""
    latitude: float
    longitude: float
    gain_dbi: float
    elevation_m: int
    """Of the antenna above ground, metres."""
    chain: str
    """The node's HTTP API, as http://127.0.0.1:8080."""
    chain_grpc: str
    """The node's gRPC services, host:port."""
    owner_key: str
    """Path of the owner's key file: it pays for joining and claims."""
    region: str = "EU868"

    @property
    def gain_ddbi(self) -> int:
        """dBi x 10, as it is on the chain."""
        return round(self.gain_dbi * 10)

    @property
    def cell(self) -> str:
        """H3 cell of resolution 12."""
        return str(h3.latlng_to_cell(self.latitude, self.longitude, LOCATION_RESOLUTION))

    def with_changes(self, changes: Mapping[str, str]) -> Settings:
        """With other values for this run; BadSettings for those that can't be."""
        changed = msgspec.structs.replace(self, **changes)
        changed.validate()
        return changed

    def validate(self) -> None:
        """Raise BadSettings for what can't be."""
        if not (-90 <= self.latitude <= 90 and -180 <= self.longitude <= 180):
            raise BadSettings(
                f"location {self.latitude},{self.longitude} is not on earth: write latitude -90..90, "
                "longitude -180..180"
            )
        if not -10 <= self.gain_dbi <= 30:
            raise BadSettings(f"antenna gain {self.gain_dbi} dBi: must be -10..30; a whip has 2 to 6")
        if not -400 <= self.elevation_m <= 9000:
            raise BadSettings(f"elevation {self.elevation_m} m: must be -400..9000")
        try:
            get_region(self.region)
        except ValueError as error:
            raise BadSettings(str(error)) from None
        if not self.chain.startswith(("http://", "https://")):
            raise BadSettings(f"chain {self.chain!r} is no URL: write http://HOST:PORT")
        check_host_port(self.chain_grpc)


def parse_location(text: str) -> tuple[float, float]:
    """Read "LAT,LNG" in degrees. BadSettings."""
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError:
        raise BadSettings(f"location {text!r}: write LAT,LNG in degrees, as 48.2082,16.3738") from None
    return latitude, longitude


def check_host_port(text: str) -> tuple[str, int]:
    """Read "host:port", IPv6 in brackets. BadSettings."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise BadSettings(f"address {text!r}: write HOST:PORT, as 127.0.0.1:1700")
    return host.strip("[]"), int(port)


def load_settings(data_dir: Path) -> Settings:
    """Read the file of a data directory. BadSettings where it is absent or damaged,
    NotAFolder.
    """
    path = data_dir / _FILE
    check_folder(data_dir)
    try:
        settings = msgspec.json.decode(path.read_bytes(), type=Settings)
    except FileNotFoundError:
        raise BadSettings(f"{data_dir} holds no hotspot: run `hexhaul hotspot setup` first") from None
    except (OSError, msgspec.MsgspecError) as error:
        raise BadSettings(f"{path} can't be read: {error}; run `hexhaul hotspot setup` again") from None
    settings.validate()
    return settings


def save_settings(data_dir: Path, settings: Settings) -> Path:
    """Write the file durably."""
    make_folder(data_dir)
    path = data_dir / _FILE
    write_file_durably(path, msgspec.json.format(msgspec.json.encode(settings), indent=2) + b"\n")
    return path
