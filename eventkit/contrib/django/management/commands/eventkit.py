"""``manage.py eventkit``: what the admin does, for programs and for who likes a terminal better."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import router

from eventkit.base.settings_file import read_settings
from eventkit.cli import check as checking
from eventkit.cli import dead_letters as lettering
from eventkit.cli import explain as explaining
from eventkit.cli.exits import DONE, REJECTED
from eventkit.cli.output import say
from eventkit.consumers.loading import listed
from eventkit.consumers.peer import read_configurations
from eventkit.contrib.django import (
    access,
    actions,
    peer_table,
    plans,
    replays,
    reporting,
    rotating,
    rows,
)
from eventkit.contrib.django.consumers_file import written
from eventkit.contrib.django.holding import held
from eventkit.contrib.django.letters import DatabaseDeadLetters
from eventkit.contrib.django.models import Consumer, Letter, Report, Tenant
from eventkit.contrib.django.registry import DatabaseConsumers
from eventkit.contrib.django.translating import site_translators
from eventkit.exceptions import ConfigurationError
from eventkit.router.explaining import explain
from eventkit.router.probe import TRIAL_ACTOR

_CHECK_EPILOG = f"""\
--live writes one document of "{TRIAL_ACTOR}", which is no person, to each enabled consumer. One
whose settings cannot be used in the environment of this command is named, with the reason: run it
in the environment of the workers.
"""


class Command(BaseCommand):
    """Look after the consumers in the database. Who may run this may do everything."""

    help = "Look after the consumers in the database, and what could not be delivered to them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add a command for each thing that can be done."""
        commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")

        def add(
            name: str, text: str, run: Callable[[argparse.Namespace], int]
        ) -> argparse.ArgumentParser:
            command = commands.add_parser(name, help=text, description=f"{text.capitalize()}.")
            command.set_defaults(run=run)
            return command

        command = add("check", "see whether consumers can be reached", _check)
        checking.add_options(command)
        command.epilog = _CHECK_EPILOG
        _add_exchange(add)
        command = add("explain", "say who gets an event, and why", _explain)
        command.add_argument("--json", action="store_true", help="a JSON array")
        command.add_argument("event", metavar="EVENT", help="a file, - or the name of an event")
        command = add("dead-letters", "list, show, replay or drop dead letters", _dead_letters)
        for _ in lettering.add_actions(command):
            pass
        command = add("prune", "remove what is older than the site keeps it", _prune)
        command.add_argument(
            "--letters-days",
            type=_days,
            metavar="DAYS",
            help="also dead letters that are older, whatever KEEP_LETTERS_DAYS says",
        )
        add("roles", "make the groups of viewers, operators and administrators", _roles)
        add("rotate", "encrypt everything with the first of the keys", _rotate)
        add("replay-work", "run the replays that wait", _replay_work)

    def handle(self, *_: Any, **given: Any) -> None:
        """Do it; exit with 1 when some of it was not done."""
        options = argparse.Namespace(**given)
        try:
            code = options.run(options)
        except ConfigurationError as error:
            raise CommandError(str(error), returncode=2) from None
        if code:
            sys.exit(code)


def _add_exchange(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add("export", "write consumers as a consumers file, without secrets", _export)
    command.add_argument("id", nargs="*", metavar="ID", help="which; none: all")
    command.add_argument("--format", choices=("json", "yaml"), default="json")
    for name, text, run in (
        ("import", "take in consumers of a consumers file", _import),
        ("import-erb", "take in router configurations of event-routing-backends", _import_erb),
    ):
        command = add(name, text, run)
        is_peer = name == "import-erb"
        command.add_argument(
            "file",
            metavar="FILE",
            nargs="?" if is_peer else None,
            help="JSON as dumpdata writes it; none: the table in this database"
            if is_peer
            else "JSON or YAML",
        )
        command.add_argument("--tenant", metavar="NAME", help="whose new consumers are")
        command.add_argument(
            "--dry-run", action="store_true", help="say what would change, and change nothing"
        )


def _days(text: str) -> int:
    days = int(text)
    if days < 0:
        raise ValueError(text)
    return days


def _check(options: argparse.Namespace) -> int:
    options.file, options.env, options.django = DatabaseConsumers(), [], None
    return checking.run(options, _unusable())


def _unusable() -> Iterator[checking.Unusable]:
    enabled = Consumer.objects.filter(enabled=True).order_by("slug")
    for row in enabled.select_related(*rows.WITH_ONE).prefetch_related(*rows.WITH):
        if (found := held(row)) is not None:
            yield checking.Unusable(row.slug, row.protocol, found.state, found.why)


def _export(options: argparse.Namespace) -> int:
    chosen = Consumer.objects.select_related(*rows.WITH_ONE).prefetch_related(*rows.WITH)
    if options.id:
        chosen = chosen.filter(slug__in=options.id)
        unknown = set(options.id) - set(chosen.values_list("slug", flat=True))
        if unknown:
            raise ConfigurationError(f"there is no consumer {min(unknown)!r}")
    print(written(actions.export(chosen), f".{options.format}"), end="")  # noqa: T201 - a command
    return DONE


def _import(options: argparse.Namespace) -> int:
    path = Path(options.file)
    try:
        found = list(listed(read_settings(path, "a consumers file")))
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    return _take_in(found, options)


def _import_erb(options: argparse.Namespace) -> int:
    if options.file:
        path = Path(options.file)
        try:
            given: Any = read_settings(path, "a file of router configurations")
            imported = read_configurations(given)
        except ConfigurationError as error:
            raise ConfigurationError(f"{path}: {error}") from None
    else:
        imported = read_configurations(_peer_rows())
    code = _take_in(imported.consumers, options)
    for note in imported.notes:
        what = ", ".join(filter(None, (note.row, note.key))) or "all"
        say(f"{what}: {note.why}{f'; {note.remedy}' if note.remedy else ''}")
    return code


def _peer_rows() -> list[dict[str, Any]]:
    if not peer_table.is_installed():
        raise ConfigurationError(
            "event-routing-backends is not installed here; give a file, as this prints where it "
            "is: manage.py dumpdata event_routing_backends.RouterConfiguration"
        )
    return peer_table.rows()


def _take_in(found: Iterable[Any], options: argparse.Namespace) -> int:
    tenant = None
    if options.tenant is not None:
        tenant = Tenant.objects.filter(name=options.tenant).first()
        if tenant is None:
            raise ConfigurationError(f"--tenant: there is no tenant {options.tenant!r}")
    made = plans.plans(found, tenant=tenant)
    for plan in made:
        say(f"{plan.id}: {plan.kind}{f': {plan.words}' if plan.words else ''}", sys.stdout)
        changed = plan.differences if plan.kind == "changed" else ()
        for text in (*map(_changed, changed), *plan.problems, *plan.warnings):
            say(f"  {text}", sys.stdout)
    if not options.dry_run:
        plans.carry_out(made)
    return REJECTED if any(plan.kind == "wrong" for plan in made) else DONE


def _changed(found: plans.Difference) -> str:
    old, new = ("; ".join(text.splitlines()) or "-" for text in (found.old, found.new))
    return f"{found.field}: {old} -> {new}"


def _explain(options: argparse.Namespace) -> int:
    event = explaining.read_event(options.event)
    translators = site_translators()
    if translators is None:
        say("eventkit: the ids are examples; EVENTKIT_ADMIN['TRANSLATORS'] names those of the site")
    explained = explain(event, DatabaseConsumers(), translators)
    if not explained and not options.json:
        say("eventkit: there are no consumers in the database")
    explaining.show(explained, as_json=options.json)
    return DONE


class _Dropping(DatabaseDeadLetters):
    """Letters whose end is written into the audit trail."""

    def remove(self, ids: Any) -> int:
        return actions.drop_letters(ids)


def _dead_letters(options: argparse.Namespace) -> int:
    options.path, options.unreadable = "", getattr(options, "unreadable", False)
    options.consumers, options.translators = DatabaseConsumers(), site_translators()
    options.identity_secret_env = options.identity_file = ""
    kind = _Dropping if options.action == "drop" else DatabaseDeadLetters
    code: int = options.run_action(options, kind(chosen=_narrowed(options)))
    return code


def _narrowed(options: argparse.Namespace) -> Any:
    """Leave to the database what it can tell, so that not all letters need be opened."""
    found = Letter.objects.all()
    wanted = {"consumer_slug__in": "consumer", "reason__in": "reason"}
    wanted |= {"time__gte": "since", "time__lt": "until"}
    for column, option in wanted.items():
        if value := getattr(options, option, None):
            found = found.filter(**{column: value})
    return found


_PRUNED = {
    "reports": "counts (Report) removed",
    "folded": "counts added up to one of all processes and a quarter of an hour",
    "routers": "states of processes that have ended (Presence) removed",
    "letters": "dead letters removed",
    "replays": "replays removed",
}


def _prune(options: argparse.Namespace) -> int:
    using = router.db_for_write(Report)
    pruned = reporting.prune(using, letters_days=options.letters_days)
    for name, what in _PRUNED.items():
        say(f"{getattr(pruned, name):>12,} {what}", sys.stdout)
    return DONE


def _roles(_: argparse.Namespace) -> int:
    names: list[str] = []
    for role, more in access.ROLES.items():
        names += more
        _group(role, names)
    _group("eventkit all organisations", ["all_organisations"])
    return DONE


def _group(name: str, codenames: list[str]) -> None:
    group, _ = Group.objects.get_or_create(name=name)
    known = Permission.objects.filter(content_type__app_label="eventkit", codename__in=codenames)
    # What somebody has added stays.
    group.permissions.add(*known)
    say(f"{name}: {group.permissions.count()} permissions", sys.stdout)


def _rotate(_: argparse.Namespace) -> int:
    rotated = rotating.rotate()
    say(f"{rotated.renewed:,} rows are encrypted with the first key", sys.stdout)
    for each in rotated.unreadable:
        say(f"{each} opens with none of the keys")
    return REJECTED if rotated.unreadable else DONE


def _replay_work(_: argparse.Namespace) -> int:
    say(f"{replays.work()} replays were run", sys.stdout)
    return DONE
