"""Proven faults: what honest software never signs, proven by the signatures alone, and what it costs.

One file a kind of fault, each with its predicate (`is_*_equivocation`) and why honest software never meets
it; `evidence` opens signed bytes, `slash` takes, `process_fault_evidence` is the operation. May enter: a
fault that any node decides from bytes and state, the same for ever. May not: a finding that somebody has to
believe (that is an exclusion, by the network's keys).
"""
