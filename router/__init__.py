"""The router: LoRaWAN network and join server for the owners of sensors.

``router.lorawan`` is the pure library of the protocol; around it stand ingress from hotspots, sessions,
downlinks, MQTT, the console and the buying of packets. May import ``chain`` and ``hardware.lora``.
"""
