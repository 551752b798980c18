"""``log:logger.name``: one document a message, for a log shipper such as Vector."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from eventkit.base.printable import printable_json
from eventkit.consumers.consumer import Consumer
from eventkit.exceptions import ConfigurationError
from eventkit.transports.transport import DELIVERED, Answer, Document, Step, Verdict, spoken


class LogTransport:
    """
    Write documents to a Python logger, each as one INFO message of JSON.

    A logger that would throw them away (level above INFO, no handler) pauses the consumer: what it
    is given must not vanish.
    """

    overhead = 0
    max_bytes = None

    def __init__(self, consumer: Consumer, *, trust_env: bool = False) -> None:
        del trust_env
        self._consumer = consumer
        parts = urlsplit(consumer.url)
        name = unquote(parts.path)
        if parts.netloc or parts.query or parts.fragment or not name.strip("."):
            raise ConfigurationError("url: expected log:logger.name")
        self._logger = logging.getLogger(name)

    def prepare(self, documents: Sequence[Document]) -> None:
        """Do nothing: the logger is looked at for each request."""

    def send(self, documents: Sequence[Document]) -> Answer:
        """Log *documents*."""
        if not (self._logger.isEnabledFor(logging.INFO) and self._logger.hasHandlers()):
            return Answer(
                Verdict.PAUSE,
                reason="log",
                detail=f"logger {self._logger.name} drops INFO messages; "
                "give it the level INFO and a handler in the logging configuration",
            )
        for body in spoken(self._consumer, [document.body for document in documents]):
            self._logger.info("%s", printable_json(body.decode()))
        return DELIVERED

    def check(self) -> list[Step]:
        """Say yes: the logging configuration of the process that will send is not known here."""
        return [Step("log", ok=True, detail=f"logger {self._logger.name}")]

    def close(self) -> None:
        """Do nothing: loggers belong to the site."""
