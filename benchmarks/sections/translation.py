"""Translating on one core: eventkit, its peers, and the floor, each in its own process."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.candidate import FAST, Candidate
from benchmarks.corpus import BLOCK
from benchmarks.setup import Setup, shuffled

WAYS = ("compiled", "stdlib-only")
"""What stands at the end of a name where eventkit is measured in another way than as it is."""


@dataclass(frozen=True, slots=True)
class Case:
    """Somebody who does something with a mix."""

    module: str
    environment: str
    kind: str
    protocol: str
    dialect: str
    mix: str
    without: str = ""

    @property
    def name(self) -> str:
        """What the results call it."""
        parts = [self.module, self.kind, self.protocol, self.dialect, self.mix]
        how = "stdlib-only" if self.without else self.environment
        return " ".join(filter(None, [*parts, how if how in WAYS else ""]))

    @property
    def translates_all(self) -> bool:
        """Tell whether every line of the mix must have a translation."""
        return self.mix != "mixed"


def cases() -> list[Case]:
    """List everything that is compared."""
    found = []
    for protocol, mix in (("xapi", "translated"), ("caliper", "translated_caliper")):
        for dialect in ("standard", "erb"):
            found += [
                Case("ours", "eventkit", "line", protocol, dialect, mix),
                Case("ours", "eventkit", "line", protocol, dialect, mix, FAST),
                Case("ours", "eventkit", "event", protocol, dialect, mix),
                Case("ours", "compiled", "line", protocol, dialect, mix),
                Case("ours", "compiled", "event", protocol, dialect, mix),
            ]
        for environment in ("eventkit", "compiled"):
            found.append(Case("ours", environment, "line", protocol, "standard", "mixed"))
        found += [
            Case("erb", "erb", "line", protocol, "command", mix),
            Case("erb", "erb", "line", protocol, "bare", mix),
            Case("erb", "erb", "event", protocol, "bare", mix),
            Case("erb", "erb", "line", protocol, "command", "mixed"),
        ]
    found += [
        Case("ours", "eventkit", "line", "xapi", "standard", "ralph"),
        Case("ours", "eventkit", "line", "xapi", "erb", "ralph"),
        Case("ours", "compiled", "line", "xapi", "standard", "ralph"),
        Case("erb", "erb", "line", "xapi", "command", "ralph"),
        Case("ralph", "ralph", "line", "xapi", "", "ralph"),
    ]
    for mix in ("translated", "translated_caliper", "mixed", "ralph"):
        found += [
            Case("floor", "eventkit", "line", "", dialect, mix) for dialect in ("orjson", "stdlib")
        ]
    return found


def run(setup: Setup) -> dict[str, Any]:
    """Give each case its turn in every round."""
    with ExitStack() as stack:
        running = {}
        for case in cases():
            running[case.name] = (
                case,
                stack.enter_context(
                    Candidate(case.module, case.environment, core=setup.core, without=case.without)
                ),
            )
        blocks, verified = {}, {}
        for name, (case, candidate) in running.items():
            what = _what(case, setup)
            if case.module != "floor":
                verified[name] = candidate.ask("translated", **what, number=setup.size.verified)
                _check(case, verified[name])
            candidate.ask("translate", **what, first=0, blocks=1)  # imports, fills caches
            first = candidate.ask("translate", **what, first=1, blocks=1)
            blocks[name] = max(1, min(50, round(setup.size.budget / max(first["wall"], 1e-6))))
        rounds: dict[str, list[Any]] = {name: [] for name in running}
        for number in range(setup.size.rounds):
            setup.say(f"translation: round {number + 1} of {setup.size.rounds}")
            for name in shuffled(number, list(running)):
                case, candidate = running[name]
                rounds[name].append(
                    candidate.ask(
                        "translate",
                        **_what(case, setup),
                        first=number * blocks[name],
                        blocks=blocks[name],
                    )
                )
        return {
            "block": BLOCK,
            "cases": {
                name: {
                    "case": asdict(case),
                    "rounds": rounds[name],
                    "verified": verified.get(name),
                    "peak": candidate.ask("memory")["peak"],
                }
                for name, (case, candidate) in running.items()
            },
        }


def _what(case: Case, setup: Setup) -> dict[str, Any]:
    return {
        "log": setup.log(case.mix),
        "kind": case.kind,
        "protocol": case.protocol,
        "dialect": case.dialect,
    }


def _check(case: Case, verified: dict[str, int]) -> None:
    """Refuse to compare what does not do the same."""
    if case.translates_all and verified["translated"] != verified["lines"]:
        raise AssertionError(
            f"{case.name}: {verified['translated']} of {verified['lines']} lines are translated; "
            "the mix is for lines that all are"
        )
