"""
From tracking events to the documents of each protocol.

Begin with `xapi` or `caliper`, which people make; `translator` is what they have in common: how
events are found, counted and refused. `standard` makes documents of rows, `erb` as
event-routing-backends does, and can be deleted. `ids` says how the id of a document is made,
`identity` who a learner is to the outside, `blocks` what is known of blocks, `options` what may be
set.
"""

from __future__ import annotations

from eventkit.translators.blocks import BlocksFile, CachedBlocks
from eventkit.translators.caliper import CaliperTranslator
from eventkit.translators.identity import (
    CachedCourses,
    CachedIdentity,
    HMACIdentity,
    MappingIdentity,
)
from eventkit.translators.xapi import XAPITranslator

__all__ = [
    "BlocksFile",
    "CachedBlocks",
    "CachedCourses",
    "CachedIdentity",
    "CaliperTranslator",
    "HMACIdentity",
    "MappingIdentity",
    "XAPITranslator",
]
