"""The parts of a host, put together as the service does but one by one."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.event_lines import EventLines
from chain.keys import Keypair
from hardware.lora.regions import get_region
from hotspot_host.forwarder.packets import Crc, Reception
from hotspot_host.forwarder.uplinks import UplinkIntake
from hotspot_host.store.airtime import AirtimeLedger
from hotspot_host.store.database import Database
from hotspot_host.store.spool import Spool
from hotspot_host.store.vouchers import Vouchers
from hotspot_host.tally import Tally


class Parts:
    """What most tests need of a host."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said = io.StringIO()
        self.key = Keypair.generate()
        self.tally = Tally(EventLines("hotspot", "test", stream=self.said))
        self.database = Database(folder / "hotspot.sqlite")
        self.spool = Spool(self.database, limit=100)
        self.vouchers = Vouchers(self.database, self.spool)
        self.airtime = AirtimeLedger(self.database, get_region("EU868"))
        self.beacons: list[tuple[Reception, bytes]] = []
        self.spooled = 0
        self.intake = UplinkIntake(
            self.key.public_key.binary,
            "EU868",
            self.spool,
            self.tally,
            lambda reception, data: self.beacons.append((reception, data)),
            self._count_spooled,
        )

    def _count_spooled(self) -> None:
        self.spooled += 1

    def reopen(self) -> None:
        """As after a restart."""
        self.database.close()
        self.database = Database(self.folder / "hotspot.sqlite")
        self.spool = Spool(self.database, limit=100)
        self.vouchers = Vouchers(self.database, self.spool)
        self.airtime = AirtimeLedger(self.database, get_region("EU868"))

    @property
    def drops(self) -> dict[str, int]:
        drops: dict[str, int] = self.tally.get_totals()["dropped"]
        return drops


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    made = Parts(tmp_path)
    yield made
    made.database.close()


def make_reception(
    payload: bytes,
    number: int = 1,
    crc: Crc = Crc.OK,
    gateway_eui: bytes = b"",
    frequency_hz: int = 868_100_000,
) -> Reception:
    from hardware.lora.modulation import DataRate

    return Reception(
        source_key=f"board:{number}",
        payload=payload,
        tick=number * 1000,
        frequency_hz=frequency_hz,
        data_rate=DataRate(7, 125_000),
        coding_rate=5,
        rssi_dbm=-80,
        snr_db=7.5,
        crc=crc,
        received_at_ms=1_700_000_000_000 + number,
        gateway_eui=gateway_eui,
    )


def make_data_frame(f_cnt: int, dev_addr: str = "01020304", length: int = 10) -> bytes:
    from router.lorawan.frames import DataFrame, encode_phy_payload

    return encode_phy_payload(
        DataFrame(
            dev_addr=bytes.fromhex(dev_addr), f_cnt=f_cnt, f_port=1, frm_payload=bytes(length), mic=b"mmmm"
        )
    )


def make_join_request() -> bytes:
    from router.lorawan.frames import JoinRequest, encode_phy_payload

    return encode_phy_payload(
        JoinRequest(join_eui=b"JJJJJJJJ", dev_eui=b"DDDDDDDD", dev_nonce=7, mic=b"mmmm")
    )
