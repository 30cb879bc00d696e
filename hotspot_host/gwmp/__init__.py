"""Concentrators behind the hotspot: the server side of the Semtech UDP packet forwarder protocol, version 2.

``server`` is the socket, ``concentrator`` one gateway behind it. The datagrams are ``router.lorawan.gwmp``'s;
what is heard goes the way of the own board's packets, what is to be sent comes from the same downlink actor.
May import ``router.lorawan``, ``hardware.lora`` and the forwarder.
"""
