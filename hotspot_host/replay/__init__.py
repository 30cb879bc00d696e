"""`hexhaul replay`: recorded gateway traffic, fed in as the gateway that heard it would have done.

``recordings`` recognises what a file is by its content, ``rxpk_lines``, ``ttn_events`` and ``helium_uplinks``
read the three kinds, ``packet_forwarder`` speaks Semtech UDP, ``run`` puts them together. Talks to a hotspot
and a node from outside only, through the protocols that anybody has.
"""
