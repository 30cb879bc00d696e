"""How many uplinks a second one core opens: ``python -m tests.bench.lorawan_crypto``.

4096 uplinks of 20 to 50 bytes from 1000 devices are parsed, their MIC checked and their payload decrypted.
What counts is the ratio to the same Python loop without the cryptography, in the same run on the same
machine: frames per second differ by machine and by who else is using it. Times are the process's own CPU
time.
"""

import random
import statistics
import time
from collections.abc import Callable

from router.lorawan.data_crypto import (
    SessionKeys,
    build_data_frame,
    decrypt_frm_payload,
    is_mic_valid_1_0,
)
from router.lorawan.frames import DataFrame, MType, parse_phy_payload

DEVICES = 1000
UPLINKS = 4096
RUNS = 7

Uplink = tuple[bytes, int, SessionKeys]


def make_uplinks() -> list[Uplink]:
    rng = random.Random(1)
    devices = [
        (rng.randbytes(4), SessionKeys.from_1_0(rng.randbytes(16), rng.randbytes(16))) for _ in range(DEVICES)
    ]
    uplinks = []
    for number in range(UPLINKS):
        dev_addr, keys = devices[number % DEVICES]
        f_cnt = number // DEVICES
        phy_payload = build_data_frame(
            keys,
            m_type=MType.UNCONFIRMED_UP,
            dev_addr=dev_addr,
            f_cnt=f_cnt,
            f_port=1,
            frm_payload=rng.randbytes(rng.randrange(7, 38)),
        )
        uplinks.append((phy_payload, f_cnt, keys))
    return uplinks


def open_uplinks(uplinks: list[Uplink]) -> int:
    opened = 0
    for phy_payload, f_cnt, keys in uplinks:
        frame = parse_phy_payload(phy_payload)
        if isinstance(frame, DataFrame) and is_mic_valid_1_0(phy_payload, f_cnt, keys.nwk_s_key):
            opened += len(decrypt_frm_payload(frame, f_cnt, keys)) > 0
    return opened


def parse_uplinks(uplinks: list[Uplink]) -> int:
    """The loop without cryptography: the MIC is compared with itself, the payload stays as it is."""
    opened = 0
    for phy_payload, _f_cnt, _keys in uplinks:
        frame = parse_phy_payload(phy_payload)
        if isinstance(frame, DataFrame) and frame.mic == phy_payload[-4:]:
            opened += len(frame.frm_payload) > 0
    return opened


def measure(function: Callable[[list[Uplink]], int], uplinks: list[Uplink]) -> float:
    """Frames per second of CPU time."""
    start = time.process_time()
    opened = function(uplinks)
    elapsed = time.process_time() - start
    assert opened == len(uplinks)
    return len(uplinks) / elapsed


def main() -> None:
    uplinks = make_uplinks()
    open_uplinks(uplinks)  # the keys' contexts are set up once, as in a running router
    pairs = [(measure(open_uplinks, uplinks), measure(parse_uplinks, uplinks)) for _ in range(RUNS)]
    ours = statistics.median(pair[0] for pair in pairs)
    bare = statistics.median(pair[1] for pair in pairs)
    ratio = statistics.median(pair[0] / pair[1] for pair in pairs)
    print(f"parse + MIC + decrypt: {ours:,.0f} frames/s ({1e6 / ours:.2f} us each)")
    print(f"parse alone:           {bare:,.0f} frames/s ({1e6 / bare:.2f} us each)")
    print(f"ratio: {ratio:.3f}")


if __name__ == "__main__":
    main()
