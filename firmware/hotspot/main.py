# What a hotspot's board runs at boot.

import json
import sys
import time

import machine
import station


def load(path):
    try:
        with open(path) as file:
            return json.load(file)
    except OSError:
        return {}


try:
    station.Station(load("/board.json"), load("/config.json")).run()
except Exception as error:
    # Seen on the console, then a fresh start: a board at somebody's window has no one to press its button.
    sys.print_exception(error)
    time.sleep_ms(2000)
    machine.reset()
