"""The rules of an epoch over whole columns: the fast twin of `chain/coverage` and `chain/rewards`.

A verdict here is the readable rule's verdict, row by row: comparisons of integers are the same comparisons,
and where a distance is computed in floating point, every row within the proven error of its limit goes to the
readable rule instead. Property tests hold the two equal. May enter: NumPy over columns. May not: a rule that
isn't a readable one elsewhere.
"""
