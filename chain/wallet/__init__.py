"""The wallet: what an owner does with keys and money, from the command line.

Every command that changes something is a dry run until `--commit`: it says in words what the transaction
does, what it costs in tokens, data credits and money, and asks a node whether it would go through. Owners'
keys are encrypted; a transaction can be written to a file, signed on a machine without a network, and
submitted by another.

May enter: commands, files, words. May not: rules (those are the ledger's) and anything that a service needs
to run.
"""
