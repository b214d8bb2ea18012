"""Fuzzers: whatever is handed in, a public call gives an answer or a documented error, and nothing else.

A thin, fixed set runs in the suite (`tests/test_fuzz.py`), a longer one by ``pytest -m long tests/long/test_fuzz.py``.
By hand, with any number of inputs and any seed: ``python -m tests.fuzz --inputs 100000 --seed 7``.
"""
