"""A host's forwarding in a process of its own, to be killed at a write point: UDP and board in, router out.

Arguments: data directory, router's JSON (Route), number of board packets to offer. Prints the UDP port, then
"acked N" for each board packet acknowledged.
"""

import asyncio
import sys
from pathlib import Path

import msgspec

from chain.event_lines import EventLines
from chain.keys import Keypair
from hardware.lora.regions import get_region
from hotspot_host.board import BoardActor
from hotspot_host.clock import get_wall_us
from hotspot_host.forwarder.downlinks import DownlinkActor
from hotspot_host.forwarder.router_stream import RouterStream
from hotspot_host.forwarder.routers import RouterPool
from hotspot_host.forwarder.routes import Route
from hotspot_host.forwarder.uplinks import UplinkIntake
from hotspot_host.gwmp.server import AllowList, GwmpServer
from hotspot_host.store.airtime import AirtimeLedger
from hotspot_host.store.database import Database
from hotspot_host.store.spool import Spool
from hotspot_host.store.vouchers import Vouchers
from hotspot_host.tally import Tally
from tests.unit.hotspot_host.conftest import make_data_frame
from tests.unit.hotspot_host.fakes import CHAIN_ID, FakeLink, make_packet
from tests.unit.hotspot_host.test_board import HOME


class PrintingLink(FakeLink):
    async def acknowledge(self, packet_id: int) -> None:
        print(f"acked {packet_id}", flush=True)


async def main(data_dir: Path, route: Route, board_packets: int) -> None:
    key = Keypair.load_or_create(data_dir / "hotspot.key")
    tally = Tally(EventLines("hotspot", stream=sys.stderr))
    database = Database(data_dir / "hotspot.sqlite")
    spool = Spool(database)
    vouchers = Vouchers(database, spool)
    airtime = AirtimeLedger(database, get_region("EU868"))
    downlinks = DownlinkActor(get_region("EU868"), 20, airtime, lambda _: None, tally, get_wall_us)
    pool = RouterPool(
        database,
        spool,
        tally,
        lambda of: RouterStream(
            of, key, lambda: CHAIN_ID, vouchers, downlinks, tally, 1000, lambda: None, 2.0
        ),
    )
    intake = UplinkIntake(key.public_key.binary, "EU868", spool, tally, lambda *_: None, pool.on_spooled)
    link = PrintingLink()
    board = BoardActor(link.open, HOME, intake, tally)
    server = GwmpServer(intake, AllowList(None), tally)
    print(f"port {server.bind('127.0.0.1', 0)[1]}", flush=True)
    pool.set_routes([route])
    for number in range(1, board_packets + 1):
        link.hear(make_packet(number, make_data_frame(number)))
    await asyncio.gather(board.run(), server.run(), pool.run(), downlinks.run())


if __name__ == "__main__":
    route = msgspec.json.decode(sys.argv[2], type=Route)
    asyncio.run(main(Path(sys.argv[1]), route, int(sys.argv[3])))
