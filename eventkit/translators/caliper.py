"""From tracking events to Caliper 1.2 events."""

from __future__ import annotations

from collections.abc import Callable

from eventkit.events.rows import Row
from eventkit.events.shapes.view import View
from eventkit.exceptions import TranslationError, UnsupportedEvent
from eventkit.translators.ids import stamped_id
from eventkit.translators.standard.caliper import Events
from eventkit.translators.translator import Translator, lack_objects
from eventkit.typing import Json


class CaliperTranslator(Translator):
    """
    Translate tracking events into Caliper events.

    One tracking event may give several: a checked problem gives one for each answer and one for
    the grade. Envelopes are made when the events are delivered.

    Args:
        lms_root: root URL of the LMS; ids of entities start with it, and it is their edApp.

        identity: gives the anonymised id of a user (see `eventkit.HMACIdentity`).

        courses: gives the display name of a course; a callable or a mapping. A `LookupError`, like
            None, says that the course has no name.

        blocks: gives what is known of a block by its usage key: its name, the language of it, and
            what it is a part of (`eventkit.typing.Block`); a callable or a mapping, such as
            `eventkit.BlocksFile`. A `LookupError`, like None, says that nothing is. Unit,
            subsection and section then stand in ``isPartOf``. Dialect ``erb`` has nothing of it.

        dialect: ``"standard"`` follows the specification; ``"erb"`` equals what
            event-routing-backends writes, its faults included, but for ids, which are random there.

        fallback: what is sent in dialect ``erb`` of events of which event-routing-backends sends
            nothing. None: nothing either (they are skipped as ``not_in_erb``); ``"standard"``: what
            the other dialect makes of them.

        unknown: what is said of events that no row knows, such as those of a site's own XBlocks.
            None: nothing (they are skipped as ``unknown_event``); ``"generic"``: that the block
            which emitted it was used, and how the event is called, where that is plain words;
            nothing of what it holds.

        events: further rows, or the dotted path of a table of rows.

        include_text: whether text that learners wrote may leave; answers are such text.

        keep_query: keys of queries that name content on the sites that courses link to, and so
            stay in URLs, besides the usual ones (``v``, ``page``, ``doi``, ...; see
            ``docs/concepts/privacy.md``). A value that names somebody never stays.

        validate: check every event against the rules of Caliper 1.2; one that fails is refused.

        transformer_version: what events say of the program that made them; by default the version
            of the mapping, which is another with another release only if the mapping is.

        on_error: called with the error and the event when an event that has a translation could
            not be translated; ``error.retryable`` tells whether it is to be tried again.

    Raises:
        ConfigurationError: an option is wrong; the message names it.
    """

    protocol = "caliper"

    def _rules(self) -> Callable[[Json], list[str]]:
        from eventkit.validation.caliper import event_errors  # noqa: PLC0415 - as its name says

        return event_errors

    def _begin(self) -> None:
        self._standard = Events(self._root, self._version, self._known_blocks())
        super()._begin()
        self._erb = None
        if self._dialect == "erb":
            # The dialect goes when this import does.
            from eventkit.translators.erb.caliper import NAMES, ERBEvents  # noqa: PLC0415

            self._in_erb = NAMES
            # What only names documents asks nobody about blocks.
            self._naming = Events(self._root, self._version)
            self._erb = ERBEvents(self._root, self._version, self._site, self._plain_course_name)

    def _plan(self, row: Row) -> object:
        return row.caliper

    def _documents(self, row: Row, view: View) -> list[Json]:
        made: Json | None = self._erb.translate(view) if self._erb else None
        if made is None or (self._fallback is not None and lack_objects([made])):
            return self._otherwise(row, view)
        return [self._named(made, row, view)]

    def _named(self, made: Json, row: Row, view: View) -> Json:
        """
        Give the one event of dialect ``erb`` the id that it has in ``standard``.

        Where one tracking event gives several, it is that of the same type. What ``standard`` does
        not translate is named by what the dialect says of it.
        """
        try:
            others = self._naming.make(row, view, is_written=False)
        except (TranslationError, UnsupportedEvent):
            others = []
        same = [each for each in others if each["type"] == made["type"]] or others
        if same:
            name = same[0]["id"]
        else:
            stamp, actor = view.stamped(), made["actor"]["id"]
            target, payload = str(made["object"].get("id", "")), view.digest_at(stamp)
            key = stamped_id("caliper", row.names[0], actor, stamp, target, "", payload)
            name = f"urn:uuid:{key}"
        return {"@context": made["@context"], "id": name, **made}
