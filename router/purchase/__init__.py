"""Buying packets: this router's place on the chain, its data credits and channels, its vouchers.

`plan` decides the next step towards being able to pay (pure), `purchaser` carries it out on the chain and
keeps on doing so, `voucher_desk` signs what the store has promised. May import ``chain`` and
``router.store``.
"""
