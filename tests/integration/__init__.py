"""Tests of a whole network: real processes, real protocols, started by the real command."""
