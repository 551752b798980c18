"""Finding out step by step, over HTTP, whether sending to a consumer would work."""

from __future__ import annotations

import time
from collections.abc import Mapping

import attrs

from eventkit.base.printable import printable
from eventkit.exceptions import ConfigurationError
from eventkit.transports.http import Client, NoReply, Reply
from eventkit.transports.transport import Step
from eventkit.transports.watching import Watch

_STEPS = ("dns", "tcp", "tls", "http", "credentials", "version")
_NOT_TAKEN = "not tried"


class Check:
    """
    Ask a receiver with the client that sends, and take down each step.

    Args:
        client: it.

        is_secure: whether its connections are; else there is nothing to be found out about TLS.
    """

    def __init__(self, client: Client, *, is_secure: bool) -> None:
        self._client = client
        self._is_secure = is_secure
        self._watch = Watch()
        self._own: dict[str, Step] = {}
        self._seconds = 0.0

    def get(self, url: str, headers: Mapping[str, str]) -> Reply | None:
        """Make one request; None: a step has failed, and is taken down."""
        began = time.monotonic()
        try:
            return self._client.request("GET", url, headers=headers, watch=self._watch)
        except NoReply as error:
            if not self._watch.failed:
                self.note("http", ok=False, detail=error.detail)
        except ConfigurationError as error:
            # It is a secret that cannot be read, or a URL of which nobody can make a request.
            name = "http" if str(error).startswith("url") else "credentials"
            self.note(name, ok=False, detail=str(error))
        finally:
            self._seconds += time.monotonic() - began
        return None

    def note(self, name: str, *, ok: bool | None, detail: str = "") -> None:
        """Take down what came of a step after the connection was made."""
        self._own[name] = Step(name, ok=ok, detail=printable(detail))

    def steps(self) -> list[Step]:
        """Give all steps, also those that were not taken."""
        found = self._watch.steps | self._own
        if "http" in found:
            seconds = round(max(0.0, self._seconds - self._watch.seconds), 3)
            found["http"] = attrs.evolve(found["http"], seconds=seconds)
        if not self._is_secure and "tcp" in found:
            found.setdefault("tls", Step("tls", ok=None, detail="plain http: nothing is encrypted"))
        return [found.get(name) or Step(name, ok=None, detail=_NOT_TAKEN) for name in _STEPS]
