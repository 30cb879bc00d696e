"""Where rules meet store and wire: what is done, step by step, with what hotspots bring.

`intake` takes reports, merges and dispatches; `uplink_flow`, `join_flow` and `downlink_flow` are lists of
steps, each with one transaction after which answers go out; `desk` is what they all work with. Rules are in
``router.network``.
"""
