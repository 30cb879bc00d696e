"""Proof-of-Coverage at the hotspot: beacon when the chain says so, listen for the others, claim both at
once and tell them when the round's claims are opened.

``reports`` and ``plan`` are pure; ``challenges`` follows the rounds, ``beaconer`` transmits and retunes,
``sender`` brings reports to the chain. The rules are ``chain.coverage``'s; nothing here decides what a report
is worth.
"""
