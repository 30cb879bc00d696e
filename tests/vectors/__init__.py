"""Runs files of known answers: ``python -m tests.vectors FOLDER...``.

A file is ``{"source", "note"?, "cases": [{"name", "input": {"op", ...}, "expect", "verified_by"}]}``; its
formats are described beside the files. Here live the runner and, by subject, the ops that turn an input
into an answer of the code under test; no expected values. May import any folder of the house.
"""
