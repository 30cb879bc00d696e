"""The ledger: who has what, and the rules by which that changes. Pure: integers only, no clock, no I/O.

`state` is the key-value state with its overlay, `tables` the rows of the ledger, `parameters` the numbers
of a network, `events` what a block reports, `balances` the only functions that move money, `conservation`
the check after every block, `process_*` one file an operation. May enter: a rule and its theory. May not:
anything that waits.
"""
