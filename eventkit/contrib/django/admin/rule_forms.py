"""
Access rules as rows: conditions with a field and patterns, those of one number together a rule.

They are checked as the rules of a consumers file, and what is wrong is said beside the condition.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.formsets import DELETION_FIELD_NAME, BaseFormSet
from django.forms.models import BaseInlineFormSet
from django.utils.text import capfirst

from eventkit.contrib.django.admin.inputs import LinesField
from eventkit.contrib.django.models import Rule
from eventkit.contrib.django.rows import rules_of
from eventkit.contrib.django.validation import Problem, find_problems, tenant_problems
from eventkit.filters.fields import KNOWN
from eventkit.typing import Json

PATH = "path"
"""The choice for any field by its dotted path."""

_FIELD_NAMES = {
    "event": "Event",
    "course": "Course",
    "org": "Organisation",
    "user": "User",
    "site": "Site",
    "activity_type": "Activity type",
    "enterprise": "Enterprise",
}

_KINDS = [("allow", "Allow"), ("deny", "Deny")]

_NEUTRAL: Json = {"id": "consumer", "protocol": "xapi", "url": "https://consumer.invalid/"}
"""What the checks are given besides the rules."""

_MOST_NUMBER = 9999
_is_number = re.compile(r"0{0,9}[1-9][0-9]{0,3}", re.ASCII).fullmatch


class RuleForm(forms.ModelForm):
    """One condition of a rule."""

    kind = forms.ChoiceField(
        label="Allow or deny",
        choices=_KINDS,
        required=False,
        initial="allow",
    )
    number = forms.CharField(
        label="Rule no.",
        required=False,
        initial="1",
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
    )
    choice = forms.ChoiceField(
        label="Field",
        required=False,
        choices=[
            ("", "Choose a field"),
            *((name, _FIELD_NAMES.get(name, name)) for name in KNOWN),
            (PATH, "Another, by its path"),
        ],
    )
    path = forms.CharField(
        label="Path",
        required=False,
        max_length=200,
        help_text="Such as context.org_id or data.mode.",
    )
    patterns = LinesField(
        label="Patterns, one on each line",
        required=False,
        help_text="Any is enough. * is any text, ? one character; re: begins a regular expression.",
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
    )
    unknown = forms.BooleanField(
        label="May match nothing that is known: a site's own events, or keys of another kind",
        required=False,
    )
    missing = forms.BooleanField(label="Deny also what lacks the field", required=False)

    class Meta:
        """The columns are filled by `row`."""

        model = Rule
        fields = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        row = options.get("instance")
        if row is not None and row.pk:
            is_known = row.field in KNOWN
            options["initial"] = {
                "kind": row.kind,
                "number": str(row.number),
                "choice": row.field if is_known else PATH,
                "path": "" if is_known else row.field,
                "patterns": row.patterns,
                "unknown": row.unknown,
                "missing": row.missing,
                **(options.get("initial") or {}),
            }
        super().__init__(*args, **options)
        for name in ("path", "patterns"):
            # Older versions of Django do not tie the help to its field.
            described = f"{self[name].id_for_label or self[name].auto_id}_helptext"
            self.fields[name].widget.attrs["aria-describedby"] = described
        count = len((self["patterns"].value() or "").splitlines())
        self.fields["patterns"].widget.attrs["rows"] = min(10, max(2, count))

    @property
    def is_blank(self) -> bool:
        """Whether nobody has written anything that matters: an empty row is no rule."""
        written = ("choice", "path", "patterns", "unknown", "missing")
        return not any((self.data.get(self.add_prefix(name)) or "").strip() for name in written)

    def has_changed(self) -> bool:
        """Tell whether anything was written."""
        return not self.is_blank if self.is_bound else super().has_changed()

    def clean(self) -> dict[str, Any]:
        """Check what this row says alone: its number and its field."""
        found = super().clean() or self.cleaned_data
        if "number" in found and not _is_number(found["number"]):
            self.add_error("number", f"Expected a whole number from 1 to {_MOST_NUMBER}")
        choice = found.get("choice")
        if choice == "":
            self.add_error("choice", "Choose the field that the patterns are for, or remove it")
        if choice == PATH and not found.get("path"):
            self.add_error("path", "Write the path of the field, such as context.org_id")
        if not found.get("patterns"):
            self.add_error(
                "patterns", "The list of patterns is empty; write one, or remove the condition"
            )
        return found

    @property
    def place(self) -> str:
        """Say for people which condition it is."""
        kind = dict(_KINDS).get(str(self["kind"].value()), "A")
        field = str(self["choice"].value() or "")
        named = self["path"].value() if field == PATH else _FIELD_NAMES.get(field, field)
        return f"{kind} rule {self['number'].value()}" + (f", {named}".lower() if named else "")

    def row(self) -> Rule:
        """Make the row of the table, of what is right."""
        found = self.cleaned_data
        return Rule(
            kind=found["kind"] or "allow",
            number=int(found["number"]),
            field=found["path"] if found["choice"] == PATH else found["choice"],
            patterns=found["patterns"],
            unknown=found["unknown"],
            missing=found["missing"],
        )

    def say(self, problem: Problem, field: str) -> None:
        """Say *problem* of the rule beside what it is about."""
        message = capfirst(problem.text)
        if field == "missing":
            self.add_error("missing", message)
        elif "unknown field" in problem.text:
            self.add_error("path" if self.cleaned_data.get("choice") == PATH else "choice", message)
        else:
            self.add_error("patterns", message)


class RuleFormSet(BaseInlineFormSet):
    """
    All conditions of a consumer.

    They are replaced as a whole, so it does not matter which row of the form was which of the
    table: all that is posted is new.
    """

    def initial_form_count(self) -> int:
        """Take what is posted as new."""
        return 0 if self.is_bound else super().initial_form_count()

    def add_fields(self, form: Any, index: int | None) -> None:
        """Add whether it is to be removed; not which row it was."""
        BaseFormSet.add_fields(self, form, index)
        if not self.is_bound:
            # Django wants to say of it that it is needed; it is never shown.
            hidden = forms.IntegerField(required=False, widget=forms.HiddenInput())
            form.fields["id"] = hidden
        if self.can_delete:
            form.fields[DELETION_FIELD_NAME].label = "Remove"

    def validate_unique(self) -> None:
        """Leave it to the check below, whose words say what to do."""

    def kept(self) -> list[Any]:
        """Give the forms of conditions that stay."""
        found: list[Any] = self.forms
        return [
            form
            for form in found
            if not form.is_blank and not form.cleaned_data.get(DELETION_FIELD_NAME)
        ]

    def rows(self) -> list[Rule]:
        """Give the rows of the table, when all is right."""
        return [form.row() for form in self.kept()]

    def clean(self) -> None:
        """Have the rules checked as those of a consumers file."""
        if any(self.errors):
            return
        allows = any(form.cleaned_data["kind"] != "deny" for form in self.kept())
        if allows and self.data.get("match_params", "").strip():
            raise ValidationError(
                "match_params takes the place of rules that allow; empty it, or remove the rules"
            )
        forms_of: dict[tuple[str, int, str], RuleForm] = {}
        made: list[tuple[Rule, RuleForm]] = []
        for form in self.kept():
            row = form.row()
            key = (row.kind, row.number, row.field)
            if key in forms_of:
                form.add_error(
                    "choice",
                    "This field stands twice in the rule. Write all patterns into one condition "
                    "if any of them is enough, or give one of the two another number",
                )
                continue
            forms_of[key] = form
            made.append((row, form))
        if len(made) < len(self.kept()):
            return
        for problem in rule_problems([row for row, _ in made], self.organisations()):
            self._place(problem, made)

    def organisations(self) -> Collection[str] | None:
        """Give those that rules must keep to; None: any."""
        tenant = self.instance.tenant if self.instance.tenant_id else None
        return tenant.organisations if tenant is not None else None

    def _place(self, problem: Problem, made: list[tuple[Rule, RuleForm]]) -> None:
        """Say *problem* beside the condition that it is about."""
        where = problem.rule
        if where is not None:
            kind, index, field = where
            numbers = sorted({row.number for row, _ in made if row.kind == kind})
            of_rule = [
                (row, form)
                for row, form in made
                if row.kind == kind and index < len(numbers) and row.number == numbers[index]
            ]
            for row, form in of_rule:
                # Of an option there is no telling which of them has it, but by looking.
                if row.field == field or (field == "missing" and row.missing) or not field:
                    form.say(problem, field)
                    return
            if of_rule:
                of_rule[0][1].say(problem, field)
                return
        told = f"{problem.path}: {problem.text}" if problem.path else problem.text
        self.non_form_errors().append(told)


def rule_problems(rows: list[Rule], organisations: Collection[str] | None) -> list[Problem]:
    """Say what is wrong with rules, for a consumer that is bound to *organisations* or to none."""
    allow, deny, _ = rules_of(rows)
    settings = {**_NEUTRAL, "allow": allow, "deny": deny}
    found = find_problems(settings)
    if organisations is not None:
        found += tenant_problems(settings, organisations)
    return found
