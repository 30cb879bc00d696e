"""Events to applications and commands from them, over MQTT with the topics and JSON of ChirpStack v4.

`chirpstack_json` builds and reads the messages (pure), `outbox` publishes stored events in order and marks
them after the broker's acknowledgement, `commands` takes downlink commands, `broker` is the embedded broker,
`mqtt_link` the connection to it or to an outside one. May import ``router.network``, ``router.store`` and
``router.lorawan``.
"""
