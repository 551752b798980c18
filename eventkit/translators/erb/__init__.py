"""
Dialect ``erb``: documents as event-routing-backends writes them, its faults included.

A module for each protocol; `reading` reads events as it does, `xapi_shapes` makes its objects and
results. Delete the folder, and the dialect is gone.
"""
