"""
Reading the ``match_params`` of event-routing-backends.

There every pattern is a regular expression for Python's own engine, searched for anywhere. That
engine backtracks, so here only expressions run on it whose shape shows that it cannot: few paths,
and no open-ended repetition but one behind an anchor or at the very end. All others are rewritten
for RE2, which must give the same answer for every text; what has no equal there is refused.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from eventkit.base.throttle import SafeLogger
from eventkit.exceptions import ConfigurationError
from eventkit.filters.patterns import MAX_LENGTH, Patterns, compile_linear, encoded

# The parse tree of an expression, in the standard library's own words.
_parser: Any = importlib.import_module("re._parser")
_constants: Any = importlib.import_module("re._constants")

_MAX_PATHS = 256

logger = SafeLogger(__name__)


def parse(params: object) -> dict[str, Patterns]:
    """
    Compile *params* by path.

    Raises:
        ConfigurationError: it is no such mapping, or an expression cannot be used.
    """
    if not isinstance(params, Mapping) or not all(isinstance(path, str) for path in params):
        raise ConfigurationError(
            f"match_params: expected an object of dotted paths, got {type(params).__name__}"
        )
    if isinstance(params.get("match_params"), Mapping):
        raise ConfigurationError(
            "match_params: this is a whole router configuration; pass what is under 'match_params'"
        )
    return {path: _field(path, value) for path, value in params.items()}


def written(params: Mapping[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Give the expressions of *params* by path, without what is no text and never matches."""
    return tuple((path, tuple(filter(_is_text, _listed(value)))) for path, value in params.items())


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _field(path: str, value: object) -> Patterns:
    patterns = []
    for item in _listed(value):
        if isinstance(item, str):
            patterns.append(_expression(item, f"match_params[{path!r}]"))
        else:
            logger.warning(
                "match_params[%r]: %s is no text and never matches; write it in quotes",
                path,
                type(item).__name__,
            )
    return Patterns(others=patterns)


class SafeExpression:
    """An expression of such a shape that Python's own engine runs it in linear time."""

    __slots__ = ("_compiled",)

    def __init__(self, source: str) -> None:
        self._compiled = re.compile(source)

    def __repr__(self) -> str:
        return f"SafeExpression({self._compiled.pattern!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return SafeExpression, (self._compiled.pattern,)

    def matches(self, text: str) -> bool:
        """Tell whether the expression is found in *text*."""
        return self._compiled.search(text) is not None


class LinearExpression:
    """An expression rewritten for RE2, and searched for as Python's own engine would."""

    __slots__ = ("_compiled", "_source")

    def __init__(self, source: str) -> None:
        self._source = source
        self._compiled = compile_linear(source)

    def __repr__(self) -> str:
        return f"LinearExpression({self._source!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return LinearExpression, (self._source,)

    def matches(self, text: str) -> bool:
        """Tell whether the expression is found in *text*."""
        return self._compiled.search(encoded(text)) is not None


def _expression(source: str, where: str) -> SafeExpression | LinearExpression:
    if len(source) > MAX_LENGTH:
        raise ConfigurationError(
            f"{where}: the expression has {len(source)} characters, more than {MAX_LENGTH}; "
            "split it up"
        )
    tree = _parse(source, where)
    # A search tries every place anyway, so this changes nothing but the time it takes.
    if source.startswith(".*") and source[2:3] not in {"?", "+", "*", "{"} and "|" not in source:
        source = source[2:]
        tree = _parse(source, where)
    if _is_safe(tree):
        return SafeExpression(source)
    try:
        return LinearExpression(_rewrite(tree, tree.state.flags, last=True))
    except _Unequal as error:
        raise ConfigurationError(
            f"{where}: {source!r} has no equal that runs in linear time: {error}; write the rule "
            "as 'allow', with exact text, globs or 're:' patterns"
        ) from None
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {source!r}: {error}") from None


def _parse(source: str, where: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(source)
            return _parser.parse(source)
    except (re.error, RecursionError, OverflowError) as error:
        raise ConfigurationError(f"{where}: {source!r} is no regular expression: {error}") from None


# Is it safe on Python's own engine?


def _is_safe(tree: Any) -> bool:
    items = list(tree)
    if items and _is_open_repeat(items[-1]):
        items.pop()  # At the end it always succeeds, so nothing is tried twice.
    try:
        paths, repeats = _paths(items)
    except _Unequal:
        return False
    anchored = bool(items) and _is_start(items[0], tree.state.flags)
    return paths <= _MAX_PATHS and repeats <= anchored


def _is_start(item: Any, flags: int) -> bool:
    operator, argument = item
    return operator is _constants.AT and (
        argument is _constants.AT_BEGINNING_STRING
        or (argument is _constants.AT_BEGINNING and not flags & re.MULTILINE)
    )


def _is_open_repeat(item: Any) -> bool:
    """Tell whether *item* repeats one character, from a fixed number of times up without end."""
    operator, argument = item
    if operator not in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
        return False
    return argument[1] is _constants.MAXREPEAT and _is_character(argument[2])


def _is_character(body: Any) -> bool:
    return len(body) == 1 and body[0][0] in _CHARACTERS


_CHARACTERS = {_constants.LITERAL, _constants.NOT_LITERAL, _constants.ANY, _constants.IN}


def _paths(items: Any) -> tuple[int, int]:
    """Count the ways through *items*, and the open-ended repetitions on them."""
    paths, repeats = 1, 0
    for item in items:
        operator, argument = item
        if operator in _CHARACTERS or operator is _constants.AT:
            continue
        if _is_open_repeat(item):
            more, open_ended = 1, 1
        elif operator is _constants.SUBPATTERN:
            more, open_ended = _paths(argument[3])
        elif operator is _constants.BRANCH:
            counted = [_paths(branch) for branch in argument[1]]
            more, open_ended = sum(n for n, _ in counted), sum(n for _, n in counted)
        elif operator in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
            low, high, body = argument
            if high is _constants.MAXREPEAT or high > _MAX_PATHS:
                raise _Unequal
            once, open_ended = _paths(body)
            open_ended *= high
            more = sum(once**count for count in range(low, high + 1))
        else:
            raise _Unequal
        paths *= more
        repeats += open_ended
        if paths > _MAX_PATHS:
            raise _Unequal
    return paths, repeats


# What is its equal for RE2?


class _Unequal(Exception):
    """RE2 has nothing that gives the same answers."""


def _rewrite(items: Any, flags: int, *, last: bool) -> str:
    """Write *items* for RE2; *last* tells whether nothing follows them."""
    end = len(items) - 1
    return "".join(
        _rewrite_item(operator, argument, flags, last=last and index == end)
        for index, (operator, argument) in enumerate(items)
    )


def _rewrite_item(operator: Any, argument: Any, flags: int, *, last: bool) -> str:
    if operator is _constants.LITERAL:
        return _characters([(operator, argument)], flags)
    if operator is _constants.NOT_LITERAL:
        return _characters([(_constants.NEGATE, None), (_constants.LITERAL, argument)], flags)
    if operator is _constants.ANY:
        return "(?s:.)" if flags & re.DOTALL else r"[^\n]"
    if operator is _constants.IN:
        return _characters(argument, flags)
    if operator is _constants.AT:
        return _position(argument, flags, last=last)
    if operator is _constants.SUBPATTERN:
        _, added, removed, body = argument
        return f"(?:{_rewrite(body, (flags | added) & ~removed, last=last)})"
    if operator is _constants.BRANCH:
        branches = [_rewrite(branch, flags, last=last) for branch in argument[1]]
        return f"(?:{'|'.join(branches)})"
    if operator in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
        low, high, body = argument
        count = f"{{{low},}}" if high is _constants.MAXREPEAT else f"{{{low},{high}}}"
        return f"(?:{_rewrite(body, flags, last=False)}){count}"
    raise _Unequal(f"{str(operator).lower().replace('_', ' ')} needs a backtracking engine")


def _position(place: Any, flags: int, *, last: bool) -> str:
    if place is _constants.AT_BEGINNING:
        return "(?m:^)" if flags & re.MULTILINE else r"\A"
    if place is _constants.AT_BEGINNING_STRING:
        return r"\A"
    if place is _constants.AT_END and flags & re.MULTILINE:
        return "(?m:$)"
    if place is _constants.AT_END and last:
        return r"(?:\n?\z)"
    if place is _constants.AT_END_STRING:
        return r"\z"
    if place is _constants.AT_END:
        raise _Unequal("'$' must be the last thing")
    raise _Unequal(r"word boundaries ('\b') follow other rules in RE2")


def _characters(items: Any, flags: int) -> str:
    """Write a set of characters."""
    negated = False
    inside: list[str] = []
    outside: list[str] = []
    for operator, argument in items:
        if operator is _constants.NEGATE:
            negated = True
        elif operator is _constants.LITERAL:
            inside.append(_range(argument, argument))
        elif operator is _constants.RANGE:
            inside.append(_range(*argument))
        else:
            members, complement = _category(argument, flags)
            (outside if complement else inside).append(members)
    if flags & re.IGNORECASE:
        inside += _other_cases(items, flags)
    if outside and (negated and (inside or len(outside) > 1)):
        raise _Unequal(r"'[^...]' with '\D', '\S' or '\W' in it")
    if not outside:
        return f"[{'^' if negated else ''}{''.join(inside)}]"
    if negated:
        return f"[{outside[0]}]"
    parts = [f"[^{members}]" for members in outside]
    if inside:
        parts.append(f"[{''.join(inside)}]")
    return f"(?:{'|'.join(parts)})"


def _range(first: int, last: int) -> str:
    return f"\\x{{{first:x}}}" if first == last else f"\\x{{{first:x}}}-\\x{{{last:x}}}"


_UNICODE = {
    "DIGIT": r"\p{Nd}",
    "SPACE": r"\t-\r\x{1c}-\x{20}\x{85}\p{Z}",
    "WORD": r"\p{L}\p{N}_",
}
_ASCII = {"DIGIT": "0-9", "SPACE": r"\t-\r\x{20}", "WORD": "0-9A-Za-z_"}


def _category(category: Any, flags: int) -> tuple[str, bool]:
    """Give the members of a category (digits, say), and whether all others are meant."""
    name = str(category).removeprefix("CATEGORY_")
    members = (_ASCII if flags & re.ASCII else _UNICODE).get(name.removeprefix("NOT_"))
    if members is None:
        raise _Unequal(f"the category {name}")
    return members, name.startswith("NOT_")


def _other_cases(items: Any, flags: int) -> list[str]:
    """List the characters that Python takes for others in *items* when case does not count."""
    written = []
    for operator, argument in items:
        if operator is _constants.LITERAL:
            written.append(f"\\U{argument:08x}")
        elif operator is _constants.RANGE:
            written.append(f"\\U{argument[0]:08x}-\\U{argument[1]:08x}")
    if not written:
        return []
    same = re.compile(f"[{''.join(written)}]", re.IGNORECASE | flags & re.ASCII)
    return [_range(ord(c), ord(c)) for c in _cased() if same.match(c)]


@lru_cache(maxsize=1)
def _cased() -> str:
    """List every character that has another case."""
    everything = map(chr, (*range(0xD800), *range(0xE000, 0x20000)))
    return "".join(c for c in everything if c.lower() != c or c.upper() != c)
