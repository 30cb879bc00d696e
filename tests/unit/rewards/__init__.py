"""Tests of reward units, density, emission, pools and the epoch's payout."""
