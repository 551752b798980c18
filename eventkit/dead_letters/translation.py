"""Dead letters of events that could not be translated."""

from __future__ import annotations

import os
from contextlib import suppress

from eventkit.base.throttle import describe
from eventkit.dead_letters.box import DeadLetterBox
from eventkit.dead_letters.letter import DeadLetter, Sink, as_json
from eventkit.exceptions import ConfigurationError, TranslationError
from eventkit.typing import Event


class TranslationLetters:
    """
    Keep events that cannot be translated as dead letters: an ``on_error`` for translators.

    Events that have no translation by design are none of them, nor are those that are to be tried
    again, because a look-up failed. The letters hold the original event, personal data included:
    give the file a key.

    Args:
        letters: the path of a file, or whatever takes dead letters, such as a `FileDeadLetters`
            with a key or the ``dead_letters`` of a store.

        protocol: the protocol of the translator, so that replaying knows which translation failed.
            Without it all are done again; ids make that harmless.

    Raises:
        ConfigurationError: a setting is wrong.
    """

    def __init__(self, letters: Sink | str | os.PathLike[str], *, protocol: str = "") -> None:
        if letters is None:
            raise ConfigurationError("letters: expected the path of a file or a callable, got None")
        if protocol not in ("", "xapi", "caliper"):
            raise ConfigurationError(
                f"protocol: expected 'xapi', 'caliper' or nothing, got {protocol!r:.80}"
            )
        self._protocol = protocol
        self._box = DeadLetterBox(letters)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._protocol}>"

    def __call__(self, error: BaseException, event: Event) -> None:
        """Keep *event*, unless the *error* is retryable. Never raises."""
        if getattr(error, "retryable", False):
            return
        self._box.put(translation_letter(error, event, self._protocol))

    def stats(self) -> dict[str, int]:
        """Count letters that could not be kept, as `DeadLetterBox.stats` does."""
        return self._box.stats()


def translation_letter(error: BaseException, event: Event, protocol: str = "") -> DeadLetter:
    """Make the dead letter of an *event* whose translation has failed with *error*."""
    name = getattr(error, "name", None)
    if not isinstance(name, str) or not name:
        name = ""
        with suppress(Exception):  # whatever an event is
            name = str(event.get("name") or event.get("event_type") or "")
    copied = as_json(event)
    detail = _detail(error) if copied is not None else f"{_detail(error)}; the event is not JSON"
    return DeadLetter(
        consumer="",
        reason="translation_failed",
        documents=[],
        name=name,
        protocol=protocol,
        detail=detail,
        event=copied,
    )


def _detail(error: BaseException) -> str:
    """Say what is wrong, without what the event holds."""
    if not isinstance(error, TranslationError):
        return describe(error)
    where = f" at {error.field}" if error.field else ""
    cause = f": {describe(error.__cause__)}" if error.__cause__ is not None else ""
    return f"{error.reason}{where}{cause}"
