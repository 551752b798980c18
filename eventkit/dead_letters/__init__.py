"""
What could not be delivered, and why.

A document that a consumer will never take, or that there is no room or time for, becomes a
`DeadLetter` (`letter`): handed to a sink of the site's choice (`box`), never silently gone. They
lie in a `file` of JSON lines, in `memory`, or in a store; `translation` makes letters of events
that could not be translated, `mentions` finds somebody in them. Delivering them again is the
router's (`eventkit.router.replaying`).
"""

from __future__ import annotations

from eventkit.dead_letters.box import DeadLetterBox
from eventkit.dead_letters.file import FileDeadLetters
from eventkit.dead_letters.letter import DeadLetter, Sink
from eventkit.dead_letters.memory import MemoryDeadLetters
from eventkit.dead_letters.translation import TranslationLetters

__all__ = [
    "DeadLetter",
    "DeadLetterBox",
    "FileDeadLetters",
    "MemoryDeadLetters",
    "Sink",
    "TranslationLetters",
]
