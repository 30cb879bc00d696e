"""Rewards by hex: reward units, density scaling, demand, the epoch's pools, and their payout.

``reward_units``, ``hex_density``, ``coverage_shares``, ``demand``, ``emission`` and ``pools`` are pure
integer arithmetic, each division with its rounding and its remainder. ``epoch`` puts them together into
one pure function, from what happened in an epoch to its payments and why each: the definition.
``epoch_inputs`` reads what happened from the ledger's state, ``process`` closes the epoch with it, and
``process_coverage_request`` takes in who asks for coverage. May import ``chain.ledger`` and the tables of
``chain.coverage``.
"""
