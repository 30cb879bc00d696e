"""Packets between radios and routers: what is worth forwarding, where to, and how it is acknowledged.

``uplink_filter``, ``routes``, ``packets`` and ``windows`` are pure; ``uplinks``, ``router_stream``,
``routers`` and ``downlinks`` are the actors around them. Boards and concentrators look the same from here.
May import ``router.lorawan``, ``chain`` (keys, wire, vouchers, client), ``hardware.lora``.
"""
