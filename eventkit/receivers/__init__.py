"""
Small receivers on this machine, for demonstrations, tests and trying things out.

What the answers of real ones mean is said in `eventkit.transports`.

Begin with `xapi` (an LRS) or `caliper` (an endpoint). `serving` is the server on the loopback
address that both are, `statement_store` keeps statements.
"""

from __future__ import annotations

from eventkit.receivers.caliper import CaliperReceiver
from eventkit.receivers.xapi import Receiver

__all__ = ["CaliperReceiver", "Receiver"]
