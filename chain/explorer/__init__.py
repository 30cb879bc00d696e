"""The explorer: where there is coverage, who heard whom, who earned what and why.

The map's API over the index (`chain/index`), the live feed, the map page, and observations that people import
from other networks, which stay beside the ledger and never enter it.
May enter: reading, drawing. May not: any rule that pays somebody, or the place of a sensor.
"""
