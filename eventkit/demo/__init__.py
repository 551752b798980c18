"""
A tracking log made for the project, and the demonstration that replays it.

Begin with `run`. `make_sample` writes the log: `cast` is who is in it, `scenes` what they do,
`scribe` how the platform logs that. `checks` and `report` say whether all went well.
"""

from __future__ import annotations

from eventkit.demo.sample import sample_log

__all__ = ["sample_log"]
