"""Tests of ``router.lorawan``: known answers, properties, fuzzing, and another implementation as witness."""

from hypothesis import settings

#: The same examples in every run; how many is chosen per test.
FUZZ = settings(derandomize=True, deadline=None, max_examples=300)
