"""Rewards by hex: reward units, density scaling, the epoch's pools, and their payout.

``reward_units``, ``hex_density``, ``emission`` and ``pools`` are pure integer arithmetic, each division with
its rounding and its remainder; ``process`` pays an epoch from the ledger's state and says why each amount.
May import ``chain.ledger`` and the tables of ``chain.coverage``.
"""
