"""The page that brings in the router configurations of event-routing-backends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.views.decorators.debug import sensitive_variables

from eventkit.base.secrets import Secret
from eventkit.consumers.peer import Imported, read_configurations
from eventkit.contrib.django import access, peer_table
from eventkit.contrib.django.admin.importing import ImportForm, ImportPage, bare
from eventkit.contrib.django.admin.inputs import SecretLines
from eventkit.exceptions import ConfigurationError
from eventkit.typing import Json


class PeerForm(ImportForm):
    """Router configurations of event-routing-backends: its table, or what was written of it."""

    text = forms.CharField(
        label="Or its text",
        required=False,
        widget=SecretLines(attrs={"rows": 12, "spellcheck": "false"}),
        help_text="JSON: a list of router configurations, as the table has them or as "
        "“manage.py dumpdata event_routing_backends” writes them. If you give nothing, the table "
        "of this site is read. As there are secrets in it, it is not shown again.",
    )
    with_secrets = forms.BooleanField(
        label="Take over credentials and headers, too; they are encrypted",
        required=False,
    )
    field_order = ("file", "text", "with_secrets", "tenant")

    def __init__(self, *args: Any, user: Any, **options: Any) -> None:
        super().__init__(*args, user=user, **options)
        self.user = user
        self.fields["file"].help_text = "Router configurations as JSON."

    def without_text(self) -> list[Json]:
        """Read the table, for who sees what is of all organisations, as it is."""
        if not access.sees_all(self.user):
            raise ConfigurationError(
                "choose a file, or paste its text: the table of this site has router "
                "configurations of all organisations, and you look after some"
            )
        if not peer_table.is_installed():
            raise ConfigurationError(
                "choose a file, or paste its text: event-routing-backends is not installed here, "
                "so there is no table to read"
            )
        return peer_table.rows()

    def listed(self, read: object) -> list[Json]:
        """Give the rows in what was read."""
        rows: list[Any] = read if isinstance(read, list) else [read]
        if not all(isinstance(row, Mapping) for row in rows):
            raise ConfigurationError("expected a list of router configurations, each an object")
        return [dict(row) for row in rows]


class PeerImportPage(ImportPage):
    """From event-routing-backends."""

    title = "Import router configurations of event-routing-backends"
    lead = (
        "Each router configuration becomes a consumer, which is disabled until you enable it. "
        "What cannot be kept is listed before anything is written."
    )
    form = PeerForm
    url_name = "admin:eventkit_consumer_import_erb"

    @sensitive_variables()
    def payload(self, form: ImportForm) -> Json:
        """Read the configurations as consumers."""
        found = form.cleaned_data
        imported: Imported = read_configurations(found["content"])
        consumers = [_revealed(each) for each in imported.consumers]
        wants = bool(found["with_secrets"])
        return {
            "consumers": consumers if wants else [bare(each) for each in consumers],
            "notes": [
                {
                    "row": note.row,
                    "key": note.key,
                    "why": note.why,
                    "what_to_do": note.remedy,
                }
                for note in imported.notes
            ],
            "tenant": found["tenant"].pk if found["tenant"] is not None else None,
            "with_secrets": wants,
        }


def _revealed(value: Any) -> Any:
    """Give settings as JSON, to be encrypted."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Mapping):
        return {key: _revealed(each) for key, each in value.items()}
    return [_revealed(each) for each in value] if isinstance(value, (list, tuple)) else value
