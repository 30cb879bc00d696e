"""Signs what the store has promised: the newest running total of a hotspot, never anything else.

A total is durable before its voucher is signed, and a sequence number belongs to one total only, so that two
different vouchers with one sequence (the proof of a cheating router) cannot come from here.
"""

from __future__ import annotations

from chain.data.voucher import Voucher, encode_voucher, sign_voucher
from chain.keys import Keypair
from router.store.database import Database
from router.store.purchases import VoucherTotal, list_totals_of

CHAIN_ID = "chain_id"


class VoucherDesk:
    def __init__(self, database: Database, voucher_key: Keypair) -> None:
        self._database = database
        self._key = voucher_key

    def get_newest(self, hotspot: bytes) -> bytes:
        """The newest voucher for a hotspot; empty while there is no channel."""
        totals = list_totals_of(self._database.read(), hotspot)
        return self._sign(totals[-1]) if totals else b""

    def get_all(self, hotspot: bytes) -> list[bytes]:
        """One voucher for each channel that the hotspot was promised something in, newest last."""
        return [self._sign(total) for total in list_totals_of(self._database.read(), hotspot)]

    def sign(self, message: bytes) -> bytes:
        """Sign a message to hotspots with the voucher key."""
        return self._key.sign(message)

    def _sign(self, total: VoucherTotal) -> bytes:
        voucher = Voucher(
            chain_id=self._database.get_meta(CHAIN_ID) or "",
            channel_id=bytes.fromhex(total.channel_id),
            hotspot=total.hotspot,
            sequence=total.sequence,
            total_data_credits=total.total_data_credits,
            total_packets=total.total_packets,
        )
        return encode_voucher(sign_voucher(voucher, self._key))
