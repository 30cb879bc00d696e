# What a sensor's board runs at boot.

import json
import sys
import time

import device
import machine


def load(path):
    try:
        with open(path) as file:
            return json.load(file)
    except OSError:
        return {}
    except ValueError:
        print(path + " is not JSON")
        return {}


try:
    device.Device(load("/board.json"), load("/config.json")).run()
except device.ConfigError as error:
    # A restart would not mend it.
    print(error)
except Exception as error:
    sys.print_exception(error)
    time.sleep_ms(2000)
    machine.reset()
