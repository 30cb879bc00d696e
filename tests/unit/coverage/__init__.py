"""Tests of Proof-of-Coverage's rules, rounds and services."""
