"""
What is measured, a module for each subject.

Each has a function ``run(setup)`` that gives its raw figures, round by round, as JSON. Nothing is
worked out here: `benchmarks.figures` does that, from the JSON alone.
"""
