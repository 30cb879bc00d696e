"""The rules by which a report is believed, one named function each.

A rule is a pure function of the evidence: it says whether the report holds, what was measured and where
the limit is; its reason code stands beside it in ``BEACON_RULES``, ``WITNESS_RULES`` or ``INTAKE_RULES``. The
first rule broken makes the verdict. No rule accuses the honest for a rounding: where a number is uncertain
it takes the value that favours the report. May enter: integers and bytes. May not: state, clock, floats.
"""
