"""What is done with one consumer or with several, asked about first where it matters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
from django import forms
from django.contrib import messages
from django.db.models import Count, prefetch_related_objects
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from eventkit.contrib.django import access, actions, replays
from eventkit.contrib.django.admin.frame import page
from eventkit.contrib.django.admin.inputs import text
from eventkit.contrib.django.admin.saying import said
from eventkit.contrib.django.models import LONGEST_ID, Consumer
from eventkit.contrib.django.rows import WITH, WITH_ONE
from eventkit.exceptions import ConfigurationError


@attrs.frozen
class Deed:
    """Something that can be done."""

    title: str
    permission: str
    """The action of `access.may`."""
    question: str
    done: str
    """What is told afterwards of each."""
    asks: bool
    """Whether it is done only once somebody has read the question."""
    fits: Callable[[Consumer], bool]
    """Whether it makes sense for a consumer."""
    is_danger: bool = False


def _is_held(row: Consumer) -> bool:
    return row.paused or row.paused_by_representative or row.gone_at is not None


DEEDS: dict[str, Deed] = {
    "enable": Deed(
        "Enable",
        "enable",
        "From now on what the rules allow is sent:",
        "was enabled; within seconds all workers know",
        asks=True,
        fits=lambda row: not row.enabled,
    ),
    "pause": Deed(
        "Pause",
        "pause",
        "Nothing is sent before it is resumed. What the rules allow is kept, and waits:",
        "was paused; what it may have waits",
        asks=False,
        fits=lambda row: row.enabled and not row.paused and row.gone_at is None,
    ),
    "resume": Deed(
        "Resume",
        "resume",
        "What waits is sent, and from now on what the rules allow:",
        "was resumed; what waits is sent",
        asks=False,
        fits=lambda row: row.enabled and _is_held(row),
    ),
    "replay": Deed(
        "Send dead letters again",
        "replay",
        "Everything that was not taken, and was kept as dead letters, is sent again, as far as "
        "the rules still allow it:",
        "is sent its dead letters again",
        asks=True,
        fits=lambda row: row.enabled,
    ),
    "clone": Deed(
        "Clone",
        "add",
        "A copy has the same rules and settings, but no credentials. It is disabled until you "
        "enable it.",
        "was copied",
        asks=True,
        fits=lambda _: True,
    ),
    "disable": Deed(
        "Disable",
        "enable",
        "Nothing is sent any more, and what happens from now on is not kept. What waits already "
        "stays, and is sent when it is enabled again:",
        "was disabled; it gets nothing any more",
        asks=True,
        fits=lambda row: row.enabled,
        is_danger=True,
    ),
}


class CloneForm(forms.Form):
    """What is another one of a copy."""

    slug = forms.CharField(
        label="Id of the copy",
        max_length=LONGEST_ID,
        widget=text(),
        help_text="Its unique name in logs, counts and dead letters. It cannot be changed later.",
    )
    name = forms.CharField(label="Name of the copy", required=False, max_length=200, widget=text())


def offered(user: Any, row: Consumer) -> list[tuple[str, Deed]]:
    """Give what *user* may do with *row* as it is now."""
    return [
        (name, deed)
        for name, deed in DEEDS.items()
        if deed.fits(row)
        and access.may(user, deed.permission, None if deed.permission == "add" else row)
    ]


def one(model_admin: Any, request: HttpRequest, name: str, row: Consumer) -> HttpResponse:
    """Show the question about one consumer or, once it is answered, do it."""
    deed = DEEDS[name]
    _require(request.user, deed, row)
    back = reverse("admin:eventkit_consumer_change", args=[row.pk])
    form: Any = None
    if name == "clone":
        first = {"slug": _free(row.slug), "name": f"Copy of {row}"[:200]}
        form = CloneForm(request.POST if request.method == "POST" else None, initial=first)
    refused: list[str] = []
    if request.method == "POST" and (form is None or form.is_valid()):
        try:
            return _do_one(request, name, row, form, back)
        except ConfigurationError as error:
            for problem in actions.problems_of(error):
                if form is not None and problem.field in form.fields:
                    form.add_error(problem.field, problem.text)
                else:
                    refused.append(str(actions.Invalid([problem])))
    return _question(
        model_admin, request, deed, [row], back, consumer=row, form=form, refused=refused
    )


def several(
    model_admin: Any, request: HttpRequest, name: str, rows: Sequence[Consumer]
) -> HttpResponse | None:
    """Show the question about several or, once it is answered, do it; None: back to the list."""
    deed = DEEDS[name]
    for row in rows:
        _require(request.user, deed, row)
    if deed.asks and request.POST.get("confirmed") != "yes":
        back = request.get_full_path()
        return _question(model_admin, request, deed, rows, back, action=f"do_{name}", selected=True)
    if name == "replay":
        return _replay(request, rows, request.get_full_path())
    for row in rows:
        try:
            told = _do(name, row, request.user)
        except ConfigurationError as error:
            messages.error(request, f"“{row}” stays as it is: {error}")
        else:
            messages.success(request, f"“{row}” {told}.")
    return None


def _require(user: Any, deed: Deed, row: Consumer) -> None:
    access.require(user, "view", row)
    access.require(user, deed.permission, None if deed.permission == "add" else row)


def _do_one(request: HttpRequest, name: str, row: Consumer, form: Any, back: str) -> HttpResponse:
    if name == "replay":
        return _replay(request, [row], back)
    if name == "clone":
        given = form.cleaned_data
        copy = actions.clone(row, given["slug"], by=request.user, name=given["name"])
        messages.success(
            request, f"“{row}” was copied. The copy is disabled: change and enable it."
        )
        return HttpResponseRedirect(reverse("admin:eventkit_consumer_change", args=[copy.pk]))
    messages.success(request, f"“{row}” {_do(name, row, request.user)}.")
    return HttpResponseRedirect(back)


def _do(name: str, row: Consumer, by: Any) -> str:
    """Do it; give what to tell."""
    if name == "clone":
        copy = actions.clone(row, _free(row.slug), by=by)
        return f"was copied as “{copy.slug}”, which is disabled"
    _SWITCHES[name](row, by=by)
    return DEEDS[name].done


_SWITCHES: dict[str, Callable[..., Consumer]] = {
    "enable": actions.enable,
    "disable": actions.disable,
    "pause": actions.pause,
    "resume": actions.resume,
}


def _replay(request: HttpRequest, rows: Sequence[Consumer], back: str) -> HttpResponse:
    """Have all dead letters of *rows* delivered again."""
    letters = _letters(request.user, rows)
    if not letters.exists():
        messages.warning(request, "There are no dead letters to send again.")
        return HttpResponseRedirect(back)
    words = ", ".join(row.slug for row in rows[:_LISTED])
    job = actions.request_replay(letters, by=request.user, words=f"all of {words}")
    replays.begin(job)
    messages.success(request, f"{job.total:,} dead letters are being delivered again.")
    return HttpResponseRedirect(reverse("admin:eventkit_replay_change", args=[job.pk]))


def _letters(user: Any, rows: Sequence[Consumer]) -> Any:
    return access.letters(user).filter(consumer_slug__in=[row.slug for row in rows])


def _free(slug: str) -> str:
    """Find an id that no consumer has."""
    for number in range(1, 1000):
        tail = "-copy" if number == 1 else f"-copy-{number}"
        found = f"{slug[: LONGEST_ID - len(tail)]}{tail}"
        if not Consumer.objects.filter(slug__iexact=found).exists():
            return found
    raise ConfigurationError(f"there are too many copies of {slug!r} already")


def _question(
    model_admin: Any,
    request: HttpRequest,
    deed: Deed,
    rows: Sequence[Consumer],
    back: str,
    *,
    consumer: Consumer | None = None,
    form: Any = None,
    refused: Sequence[str] = (),
    action: str = "",
    selected: bool = False,
) -> HttpResponse:
    """Give the page that says what would happen, and asks."""
    counts = {}
    if deed is DEEDS["replay"]:
        found = _letters(request.user, rows).order_by().values_list("consumer_slug")
        counts = dict(found.annotate(number=Count("pk")))
    if deed is DEEDS["enable"]:
        prefetch_related_objects(rows[:_LISTED], *WITH_ONE, *WITH)
    lines = [
        {
            "consumer": row,
            "says": f"{counts.get(row.slug, 0):,} dead letters"
            if counts or deed is DEEDS["replay"]
            else (_says(row) if deed is DEEDS["enable"] else ""),
        }
        for row in rows[:_LISTED]
    ]
    if len(rows) > _LISTED:
        lines.append({"consumer": f"{len(rows) - _LISTED:,} more", "says": ""})
    context = {
        "title": f"{deed.title}: {consumer}" if consumer is not None else deed.title,
        "consumer": consumer,
        "lead": deed.question,
        "lines": lines,
        "form": form,
        "refused": refused,
        "action": action,
        "selected": [row.pk for row in rows] if selected else [],
        "button": f"Yes, {deed.title[0].lower()}{deed.title[1:]}",
        "is_danger": deed.is_danger,
        "back_url": back,
    }
    return page(model_admin.admin_site, request, "eventkit/admin/confirm.html", Consumer, context)


_LISTED = 50
"""Consumers that a question names."""


def _says(row: Consumer) -> str:
    organisations = row.tenant.organisations if row.tenant is not None else None
    return said(
        row.rules.all(),
        everything=row.allows_everything,
        organisations=organisations,
        match_params=row.options.get("match_params"),
    ).sentence
