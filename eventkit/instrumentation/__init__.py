"""
Telling a site's monitoring what happens.

A hook is a callable that is given one frozen `Details` for everything that happens to events and
documents. Hooks belong to the process, because whoever watches it wants to see all of it. Begin
with `hooks`; `prometheus`, `opentelemetry` and `logs` are hooks, none of which is loaded unless it
is imported. What is counted has its place in each of them, what a consumer's queue is like in
`health`.
"""

from __future__ import annotations

from eventkit.instrumentation.hooks import Details, Hook, What, add_hook, is_on, reset, tell

__all__ = ["Details", "Hook", "What", "add_hook", "is_on", "reset", "tell"]
