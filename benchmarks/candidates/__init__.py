"""
What is measured: each module runs in an environment of its own, as `benchmarks.worker` asks it to.

A module that translates has a function ``work(kind, protocol, dialect)``; *kind* is ``line`` (a
line of a log in, lines of documents out) or ``event`` (a parsed event in, documents out). It gives
two functions: one that prepares lines, outside the measurement, and one that does the work and
gives what it made.
"""
