"""
Testing the connection to a consumer, step by step: what works, and what is the first that does not.

The request is a real one, over the very code that delivers: its look-up of names, its limits, its
certificates, its proxies. Nothing is written to the receiver.
"""

from __future__ import annotations

import time

import attrs

from eventkit.consumers.consumer import Consumer
from eventkit.exceptions import ConfigurationError
from eventkit.transports.making import make_transport
from eventkit.transports.transport import Step

__all__ = ["ConnectionReport", "Step", "test_connection"]


_TELLING = ("file", "log", "http", "version")
"""The steps that tell, when all is well, who is at the other end."""


@attrs.frozen(kw_only=True)
class ConnectionReport:
    """What came of a test, step by step in the order in which they are taken."""

    consumer: str
    """The id."""
    steps: tuple[Step, ...]
    """
    Over HTTP: ``dns``, ``tcp``, ``tls``, ``http`` (it answers as such a receiver does),
    ``credentials``, ``version`` (it takes our version of the protocol). Of a file or a logger:
    ``file`` or ``log``. With settings that cannot work: ``settings`` alone.
    """
    seconds: float
    """How long all of it took."""

    @property
    def ok(self) -> bool:
        """Whether all steps that can tell have succeeded."""
        return all(step.ok is not False for step in self.steps)

    @property
    def detail(self) -> str:
        """Say in one line what is wrong or, with nothing wrong, what answers."""
        failed = [step.detail for step in self.steps if step.ok is False]
        told = [step.detail for step in self.steps if step.name in _TELLING and step.detail]
        return failed[0] if failed else ", ".join(told)


def test_connection(
    consumer: Consumer,
    *,
    trust_env: bool = False,  # noqa: PT028 - it is no test of ours
) -> ConnectionReport:
    """
    Tell whether documents could be sent to *consumer*, without sending any, and how far it gets.

    An LRS is asked for what it is and for one statement, and a Caliper endpoint for its
    configuration, with the credentials; a file must be writable; a logger is always fine. Each of
    these may take as long as a request to the consumer may. Never raises for what is wrong with the
    consumer; that it is disabled, paused or gone makes no difference.

    Args:
        consumer: it.

        trust_env: as of `eventkit.Router`.
    """
    began = time.monotonic()
    try:
        transport = make_transport(consumer, trust_env=trust_env)
    except ConfigurationError as error:
        steps = [Step("settings", ok=False, detail=str(error))]
    else:
        try:
            steps = transport.check()
        finally:
            transport.close()
    return ConnectionReport(
        consumer=consumer.id, steps=tuple(steps), seconds=round(time.monotonic() - began, 3)
    )


test_connection.__test__ = False  # type: ignore[attr-defined]  # pytest would take it for a test
