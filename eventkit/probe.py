"""Looking whether a consumer can be reached as it is configured."""

from __future__ import annotations

from eventkit.consumers import Consumer
from eventkit.exceptions import ConfigurationError
from eventkit.transports import CheckResult, make_transport

__all__ = ["CheckResult", "check_consumer"]


def check_consumer(consumer: Consumer, *, trust_env: bool = False) -> CheckResult:
    """
    Tell whether documents could be sent to *consumer*, without sending any.

    An LRS is asked for what it is and for one statement, and a Caliper endpoint for its
    configuration, with the credentials; a file must be writable; a logger is always fine. Never
    raises for what is wrong with the consumer.
    """
    try:
        transport = make_transport(consumer, trust_env=trust_env)
    except ConfigurationError as error:
        return CheckResult(ok=False, detail=str(error))
    try:
        return transport.check()
    finally:
        transport.close()
