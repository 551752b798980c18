"""Whether a document is a profile as xAPI Profiles 1.0, part two, wants it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from jsonschema import Draft7Validator
from pyld import jsonld

from eventkit.exceptions import ConfigurationError
from eventkit.validation.profiles import find

CONTEXT_IRI = "https://w3id.org/xapi/profiles/context"

_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")

# By kind: the members that must be there, and those that may. The kind of each member follows.
_TEXTS = {"prefLabel", "definition", "scopeNote"}
_IRIS = {"id", "inScheme", "conformsTo", "seeAlso", "verb", "objectActivityType", "schema"}
_LISTS_OF_IRIS = {
    "wasRevisionOf",
    *("broader", "broadMatch", "narrower", "narrowMatch", "related", "relatedMatch", "exactMatch"),
    *("recommendedActivityTypes", "recommendedVerbs", "attachmentUsageType"),
    *("contextGroupingActivityType", "contextParentActivityType"),
    *("contextOtherActivityType", "contextCategoryActivityType"),
    *("objectStatementRefTemplate", "contextStatementRefTemplate"),
}
_ALL = {"id", "type", "inScheme", "prefLabel", "definition"}
_MATCHES = {
    *("broader", "broadMatch", "narrower", "narrowMatch", "related", "relatedMatch", "exactMatch"),
    "deprecated",
}
_SCHEMAS = {"deprecated", "context", "schema", "inlineSchema"}
_KINDS = {
    "Profile": (
        *({"id", "@context", "type", "conformsTo", "prefLabel", "definition", "versions"},),
        {"author", "seeAlso", "concepts", "templates", "patterns"},
    ),
    "Verb": (_ALL, _MATCHES),
    "ActivityType": (_ALL, _MATCHES),
    "AttachmentUsageType": (_ALL, _MATCHES),
    "ContextExtension": (_ALL, _SCHEMAS | {"recommendedVerbs"}),
    "ResultExtension": (_ALL, _SCHEMAS | {"recommendedVerbs"}),
    "ActivityExtension": (_ALL, _SCHEMAS | {"recommendedActivityTypes"}),
    "StatementTemplate": (
        _ALL,
        {
            *("deprecated", "verb", "objectActivityType", "attachmentUsageType", "rules"),
            *("contextGroupingActivityType", "contextParentActivityType"),
            *("contextOtherActivityType", "contextCategoryActivityType"),
            *("objectStatementRefTemplate", "contextStatementRefTemplate"),
        },
    ),
}
_CONCEPTS = {kind for kind in _KINDS if kind not in ("Profile", "StatementTemplate")}
_RULE = {"location", "selector", "presence", "any", "all", "none", "scopeNote"}
_PRESENCES = {"included", "excluded", "recommended"}


def profile_errors(profile: dict[str, Any]) -> list[str]:
    """List what is wrong with *profile*, with the place of each; patterns it may not have."""
    return list(_profile_errors(profile))


def _profile_errors(profile: dict[str, Any]) -> Iterator[str]:
    yield from _empty(profile, "$")
    yield from _members(profile, "Profile", "$")
    contexts = profile.get("@context")
    if CONTEXT_IRI not in (contexts if isinstance(contexts, list) else [contexts]):
        yield f"$.@context: must be {CONTEXT_IRI}"
    if profile.get("conformsTo") != "https://w3id.org/xapi/profiles#1.0":
        yield "$.conformsTo: must be https://w3id.org/xapi/profiles#1.0"
    author = profile.get("author", {})
    if author.get("type") not in ("Organization", "Person") or not author.get("name"):
        yield "$.author: must be an Organization or a Person with a name"
    if "patterns" in profile:
        yield "$.patterns: nothing here checks them"
    yield from _version_errors(profile)
    yield from _part_errors(profile)


def _part_errors(profile: dict[str, Any]) -> Iterator[str]:
    concepts, templates = profile.get("concepts", []), profile.get("templates", [])
    for where, found in (("concepts", concepts), ("templates", templates)):
        for number, each in enumerate(found):
            path = f"$.{where}[{number}]"
            allowed = _CONCEPTS if where == "concepts" else {"StatementTemplate"}
            if each.get("type") not in allowed:
                yield f"{path}.type: must be one of {sorted(allowed)}"
                continue
            yield from _members(each, each["type"], path)
            if each.get("inScheme") != profile["versions"][0]["id"]:
                yield f"{path}.inScheme: must be the version that is described"
    for number, concept in enumerate(concepts):
        yield from _concept_errors(concept, f"$.concepts[{number}]")
    ids = {each["id"] for each in templates}
    for number, template in enumerate(templates):
        yield from _template_errors(template, ids, f"$.templates[{number}]")
    counts = Counter(
        each.get("id") for each in [profile, *profile["versions"], *concepts, *templates]
    )
    yield from (f"{each}: is the id of several things" for each in counts if counts[each] > 1)


def _empty(value: Any, path: str) -> Iterator[str]:
    """Section 4: nothing is empty."""
    if value is None or value in ("", [], {}):
        yield f"{path}: must not be empty"
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _empty(each, f"{path}.{key}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _empty(each, f"{path}[{number}]")


def _members(found: dict[str, Any], kind: str, path: str) -> Iterator[str]:
    must, may = _KINDS[kind]
    must |= {"author"} & may
    yield from (f"{path}.{key}: must be there" for key in sorted(must - found.keys()))
    yield from (f"{path}.{key}: is unknown" for key in sorted(found.keys() - must - may))
    if found.get("type") != kind:
        yield f"{path}.type: must be {kind}"
    for key, value in found.items():
        if key in _TEXTS and not _is_language_map(value):
            yield f"{path}.{key}: must be a language map"
        if key in _IRIS and not _is_iri(value):
            yield f"{path}.{key}: must be an IRI"
        if key in _LISTS_OF_IRIS and not (isinstance(value, list) and all(map(_is_iri, value))):
            yield f"{path}.{key}: must be an array of IRIs"
        if key == "deprecated" and not isinstance(value, bool):
            yield f"{path}.{key}: must be true or false"


def _is_iri(value: Any) -> bool:
    return isinstance(value, str) and _IRI.fullmatch(value) is not None


def _is_language_map(value: Any) -> bool:
    return isinstance(value, dict) and all(
        _TAG.fullmatch(tag) and isinstance(text, str) for tag, text in value.items()
    )


def _version_errors(profile: dict[str, Any]) -> Iterator[str]:
    versions = profile.get("versions", [])
    for number, version in enumerate(versions):
        path = f"$.versions[{number}]"
        if not _is_iri(version.get("id")) or version["id"] == profile.get("id"):
            yield f"{path}.id: must be an IRI of its own"
        try:
            if datetime.fromisoformat(version["generatedAtTime"]).tzinfo is None:
                yield f"{path}.generatedAtTime: must have an offset"
        except (KeyError, ValueError):
            yield f"{path}.generatedAtTime: must be a time"
        is_first = number == len(versions) - 1
        if is_first == ("wasRevisionOf" in version):
            yield f"{path}.wasRevisionOf: must be there for all versions but the first"


def _concept_errors(concept: dict[str, Any], path: str) -> Iterator[str]:
    if "schema" in concept and "inlineSchema" in concept:
        yield f"{path}: must have one schema at most"
    if "inlineSchema" in concept:
        try:
            Draft7Validator.check_schema(json.loads(concept["inlineSchema"]))
        except Exception:  # noqa: BLE001 - whatever is wrong with it
            yield f"{path}.inlineSchema: must be a JSON Schema, as text"
    if "related" in concept and not concept.get("deprecated"):
        yield f"{path}.related: must only be there if it is deprecated"


def _template_errors(template: dict[str, Any], ids: set[str], path: str) -> Iterator[str]:
    if "objectStatementRefTemplate" in template and "objectActivityType" in template:
        yield f"{path}: must not say both what Activity and what StatementRef it is about"
    for key in ("objectStatementRefTemplate", "contextStatementRefTemplate"):
        if not ids.issuperset(template.get(key, ())):
            yield f"{path}.{key}: must name templates of this version"
    for number, rule in enumerate(template.get("rules", ())):
        yield from _rule_errors(rule, f"{path}.rules[{number}]")


def _rule_errors(rule: dict[str, Any], path: str) -> Iterator[str]:
    yield from (f"{path}.{key}: is unknown" for key in sorted(rule.keys() - _RULE))
    if not rule.keys() & {"presence", "any", "all", "none"}:
        yield f"{path}: must say presence, any, all or none"
    if rule.get("presence", "included") not in _PRESENCES:
        yield f"{path}.presence: must be one of {sorted(_PRESENCES)}"
    for key in ("any", "all", "none"):
        values = rule.get(key, [])
        if not isinstance(values, list) or any(isinstance(each, dict) for each in values):
            yield f"{path}.{key}: must be an array of values without members"
    for key in {"location"} | (rule.keys() & {"selector"}):
        try:
            find({}, rule.get(key, ""))
        except ConfigurationError:
            yield f"{path}.{key}: must be a path"


def _context() -> dict[str, Any]:
    """Give a JSON-LD context made of the terms that the specification publishes."""
    spaces = {
        "prov": "http://www.w3.org/ns/prov#",
        "skos": "http://www.w3.org/2004/02/skos/core#",
        "xapi": "https://w3id.org/xapi/ontology#",
        "profile": "https://w3id.org/xapi/profiles/ontology#",
        "dcterms": "http://purl.org/dc/terms/",
        "schemaorg": "http://schema.org/",
        "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    }
    made: dict[str, Any] = {"type": "@type", "id": "@id", **spaces}
    terms = {
        "profile": "Profile StatementTemplate inlineSchema selector presence location",
        "schemaorg": "Organization Person author name",
        "xapi": "Verb ActivityType ContextExtension ResultExtension ActivityExtension",
        "skos": "scopeNote",
    }
    for space, names in terms.items():
        made |= {name: f"{space}:{name}" for name in names.split()}
    for name in ("prefLabel", "definition"):
        made[name] = {"@id": f"skos:{name}", "@container": "@language"}
    for name in ("versions", "concepts", "templates", "rules", "any", "all", "none"):
        made[name] = {"@id": f"profile:{name}", "@container": "@set"}
    for name, space in {
        "conformsTo": "dcterms",
        "seeAlso": "rdfs",
        "inScheme": "skos",
        "verb": "profile",
        "objectActivityType": "profile",
    }.items():
        made[name] = {"@id": f"{space}:{name}", "@type": "@id"}
    for name in sorted(_LISTS_OF_IRIS):
        is_match = name in _MATCHES
        space = "prov" if name == "wasRevisionOf" else "skos" if is_match else "profile"
        made[name] = {"@id": f"{space}:{name}", "@type": "@id", "@container": "@set"}
    date = "http://www.w3.org/2001/XMLSchema#dateTime"
    made["generatedAtTime"] = {"@id": "prov:generatedAtTime", "@type": date}
    return made


def compacted(profile: dict[str, Any]) -> Any:
    """Give what a JSON-LD processor writes of what it has read, with the same context."""
    options = {"documentLoader": _load, "base": "https://base.invalid/"}
    return jsonld.compact(jsonld.expand(profile, options), CONTEXT_IRI, options)


def _load(url: str, _options: Any) -> dict[str, Any]:
    if url != CONTEXT_IRI:
        raise LookupError(f"{url} is not the context of xAPI Profiles")
    return {
        "contentType": "application/ld+json",
        "contextUrl": None,
        "documentUrl": url,
        "document": {"@context": _context()},
    }
