"""
The tables.

Only `eventkit.contrib.django.actions` and what takes reports and letters write them: a row that is
saved past them is not validated, not in the audit trail, and unseen by workers.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.utils import timezone

from eventkit.contrib.django.fields import SealedField
from eventkit.contrib.django.shapes import ListField, ObjectField, TextsField
from eventkit.dead_letters.letter import DeadLetter
from eventkit.exceptions import ConfigurationError

LONGEST_ID = 100
"""Of a consumer, as in a consumers file."""


def new_stamp() -> str:
    """Make what no other state of the tables has."""
    return uuid.uuid4().hex


class Protocol(models.TextChoices):
    """What a consumer speaks."""

    XAPI = "xapi", "xAPI"
    CALIPER = "caliper", "Caliper"


class Version(models.Model):
    """One row: it changes with whatever workers must see, in the same transaction."""

    ROW = 1

    number = models.BigIntegerField(default=0)
    stamp = models.CharField(max_length=32, default=new_stamp)
    """
    Another one each time: a number alone could come again, after a transaction that somebody saw
    and that was rolled back, or after a backup was brought back.
    """

    class Meta:
        """Nobody edits it."""

        default_permissions = ()

    def __str__(self) -> str:
        return str(self.number)


class Tenant(models.Model):
    """Some organisations, and the staff that see what concerns these and nothing else."""

    name = models.CharField(max_length=100, unique=True)
    organisations = TextsField(
        default=list,
        help_text="As course keys have them, such as edX or MITx.",
    )
    users = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="eventkit_tenants", verbose_name="staff"
    )

    class Meta:
        """By name."""

        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Consumer(models.Model):
    """A receiver of events."""

    slug = models.CharField(
        "id",
        max_length=LONGEST_ID,
        unique=True,
        help_text="Its unique name in logs, counts and dead letters; it cannot be changed later.",
    )
    name = models.CharField(max_length=200, blank=True, help_text="What people call it.")
    tenant = models.ForeignKey(
        Tenant,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="consumers",
        help_text="It gets only events of this tenant's organisations, whatever its rules say.",
    )
    protocol = models.CharField(max_length=10, choices=Protocol.choices, default=Protocol.XAPI)
    url = models.CharField("URL", max_length=2000)
    enabled = models.BooleanField(default=False, help_text="One that is not gets nothing.")
    paused = models.BooleanField(
        default=False, help_text="What it may have is accepted and waits; nothing is sent."
    )
    paused_by_representative = models.BooleanField(default=False, editable=False)
    """A pause of their own, beside that of the site: each takes back only its own."""
    awaits_credentials = models.BooleanField(default=False, editable=False)
    """It gets nothing before somebody has entered what its receiver wants to be shown."""
    gone_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When it answered 410 Gone. Nothing is sent until it is resumed.",
    )
    tries = models.PositiveIntegerField(default=1, editable=False)
    """One more each time that one which may have been gone is to be tried again."""
    allows_everything = models.BooleanField(
        default=False,
        help_text="It may have every event that no rule denies; without, what a rule allows.",
    )
    options = ObjectField(
        default=dict,
        blank=True,
        help_text="What else a consumers file may say: batch, timeout, override, sensor, version, "
        "plain_http, inherits, match_params.",
    )
    public_only = models.BooleanField(
        "public addresses only",
        default=False,
        help_text="Only https, and no address of this machine or of an inner network.",
    )
    from_portal = models.BooleanField(default=False, editable=False)
    representatives = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="eventkit_consumers"
    )
    note = models.TextField(blank=True)
    created = models.DateTimeField(default=timezone.now, editable=False)
    changed = models.DateTimeField(default=timezone.now, editable=False)
    revision = models.PositiveIntegerField(default=1, editable=False)
    """One more with each change, so that who saves an old form is told."""

    class Meta:
        """By id; and what else than the usual somebody may be permitted."""

        ordering = ("slug",)
        permissions = (
            ("operate_consumer", "Can pause, resume, test and replay"),
            ("all_organisations", "Can see the consumers, events and letters of all organisations"),
        )

    def __str__(self) -> str:
        return self.name or self.slug


class Rule(models.Model):
    """One field of an access rule; rows of one kind and number are one rule."""

    class Kind(models.TextChoices):
        """What a rule does."""

        ALLOW = "allow", "allow"
        DENY = "deny", "deny"

    consumer = models.ForeignKey(Consumer, on_delete=models.CASCADE, related_name="rules")
    kind = models.CharField(max_length=5, choices=Kind.choices, default=Kind.ALLOW)
    number = models.PositiveIntegerField(
        default=1, help_text="Rows of one kind and number are one rule: all of them must match."
    )
    field = models.CharField(max_length=200)
    patterns = ListField(default=list)
    unknown = models.BooleanField(
        default=False, help_text="Its patterns may match nothing that is known."
    )
    missing = models.BooleanField(
        default=False, help_text="Denies also where an event lacks the field."
    )

    class Meta:
        """In the order in which rules are written."""

        ordering = ("kind", "number", "pk")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("consumer", "kind", "number", "field"), name="eventkit_rule_field_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind}[{self.number}].{self.field}"


class Credential(models.Model):
    """How a consumer knows us. What is secret is encrypted and is never shown again."""

    class AuthType(models.TextChoices):
        """Of HTTP."""

        NONE = "none", "none"
        BASIC = "basic", "basic (username and password)"
        BEARER = "bearer", "bearer (token)"

    consumer = models.OneToOneField(
        Consumer, on_delete=models.CASCADE, related_name="credential", primary_key=True
    )
    auth_type = models.CharField(max_length=10, choices=AuthType.choices, default=AuthType.NONE)
    secrets = SealedField(null=True)
    """The keys of ``auth`` but its type, as in a consumers file."""
    headers = SealedField(null=True)
    """``headers``, as in a consumers file."""
    outline = ObjectField(default=dict, editable=False)
    """
    ``auth`` and ``headers`` for people: places (``{"env": NAME}``) as they are, all else ``"***"``.
    """
    changed = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        """Who may change a consumer may change these."""

        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.auth_type} ***"


class AuditEntry(models.Model):
    """Who did what to whom; never a secret. Entries are added and stay."""

    when = models.DateTimeField(default=timezone.now, db_index=True)
    who = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    who_name = models.CharField(max_length=200, blank=True)
    """Empty: a program."""
    tenant = models.ForeignKey(Tenant, on_delete=models.SET_NULL, null=True, related_name="+")
    """Whose consumer it was at that time."""
    consumer = models.ForeignKey(
        Consumer, on_delete=models.SET_NULL, null=True, related_name="audit"
    )
    consumer_slug = models.CharField(max_length=LONGEST_ID, blank=True, db_index=True)
    action = models.CharField(max_length=40)
    field = models.CharField(max_length=200, blank=True)
    old = models.TextField(blank=True)
    new = models.TextField(blank=True)

    class Meta:
        """The latest first."""

        ordering = ("-when", "-pk")
        default_permissions = ("view",)
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.action} {self.consumer_slug} {self.field}".strip()

    def save(self, *args: Any, **options: Any) -> None:
        """Add it."""
        if not self._state.adding:
            self._refuse()
        super().save(*args, **options)

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise TypeError("an entry of the audit trail stays as it was written")


class Report(models.Model):
    """
    What one process did for one consumer in one minute.

    Those of no process say what all of them did in a quarter of an hour (`folding`).
    """

    process = models.CharField(max_length=100)
    host = models.CharField(max_length=100)
    consumer_slug = models.CharField(max_length=LONGEST_ID)
    minute = models.DateTimeField(db_index=True)
    delivered = models.BigIntegerField(default=0)
    retried = models.BigIntegerField(default=0)
    dead = models.BigIntegerField(default=0)
    dropped = models.BigIntegerField(default=0)
    conflict = models.BigIntegerField(default=0)
    reasons = ObjectField(default=dict)
    """``{"dead": {reason: n}, "dropped": {reason: n}}``"""

    class Meta:
        """One row each; what people see of all together is how deliveries go."""

        verbose_name = verbose_name_plural = "delivery"
        default_permissions = ("view",)
        constraints = (
            models.UniqueConstraint(
                fields=("process", "consumer_slug", "minute"), name="eventkit_report_once"
            ),
        )
        indexes = (models.Index(fields=("consumer_slug", "minute"), name="eventkit_report_minute"),)

    def __str__(self) -> str:
        return f"{self.consumer_slug} {self.minute:%Y-%m-%d %H:%M}"


class Presence(models.Model):
    """How a consumer fares as one process sees it; the latest that it has said."""

    process = models.CharField(max_length=100)
    host = models.CharField(max_length=100)
    consumer_slug = models.CharField(max_length=LONGEST_ID)
    state = models.CharField(max_length=40)
    reason = models.CharField(max_length=100, blank=True)
    status = models.IntegerField(null=True)
    detail = models.CharField(max_length=500, blank=True)
    pending = models.BigIntegerField(default=0)
    store = models.CharField(max_length=64, blank=True)
    """Names the store in which it waits, of which others speak too; empty: the process's own."""
    oldest = models.DateTimeField(null=True)
    """Since when the oldest of what waits has waited."""
    last_success = models.DateTimeField(null=True)
    error_at = models.DateTimeField(null=True)
    error_reason = models.CharField(max_length=100, blank=True)
    error_status = models.IntegerField(null=True)
    error_detail = models.CharField(max_length=500, blank=True)
    error_response = SealedField(null=True)
    """What the receiver said, as text: receivers like to quote what they were sent."""
    is_closed = models.BooleanField(default=False)
    """Whether the process has ended as it should."""
    seen = models.DateTimeField(db_index=True)

    class Meta:
        """One row each."""

        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("process", "consumer_slug"), name="eventkit_presence_once"
            ),
        )
        indexes = (models.Index(fields=("consumer_slug", "seen"), name="eventkit_presence_seen"),)

    def __str__(self) -> str:
        return f"{self.consumer_slug} {self.state}"


class Letter(models.Model):
    """A dead letter: what may be seen of it in a list, and the whole of it encrypted."""

    letter_id = models.CharField("id", max_length=64, unique=True)
    consumer_slug = models.CharField("consumer", max_length=LONGEST_ID, blank=True)
    """Empty: an event that could not be translated."""
    org = models.CharField("organisation", max_length=255, blank=True)
    """
    All organisations that its event names, in lower case, sorted, one blank between; empty when its
    document shows none, or when there is no event. Who is bound to organisations sees it only if
    all of them are theirs.
    """
    reason = models.CharField(max_length=100)
    name = models.CharField("event", max_length=255, blank=True)
    protocol = models.CharField(max_length=10, blank=True)
    status = models.IntegerField(null=True)
    attempts = models.IntegerField(default=0)
    detail = models.CharField(max_length=500, blank=True)
    time = models.DateTimeField()
    body = SealedField()
    """`eventkit.DeadLetter.as_dict`"""

    class Meta:
        """The latest first."""

        ordering = ("-time", "-pk")
        default_permissions = ("view", "delete")
        verbose_name = "dead letter"
        indexes = (
            models.Index(fields=("time", "id"), name="eventkit_letter_time"),
            models.Index(fields=("consumer_slug", "time"), name="eventkit_letter_consumer"),
            models.Index(fields=("reason", "time"), name="eventkit_letter_reason"),
            models.Index(fields=("org", "time"), name="eventkit_letter_org"),
        )

    def __str__(self) -> str:
        return self.letter_id

    def opened(self) -> DeadLetter:
        """
        Give the whole letter.

        Raises:
            ConfigurationError: it does not open with the keys of the site, or is damaged.
        """
        if self.body is None:
            raise ConfigurationError("the letter has no body")
        try:
            return DeadLetter.from_dict(self.body.open())
        except ValueError as error:
            raise ConfigurationError(str(error)) from None


class Replay(models.Model):
    """Letters that are to be delivered again, in the background."""

    LOST_AFTER = timedelta(seconds=60)
    """One that says it runs, and has said nothing more for so long, has lost its process."""

    class State(models.TextChoices):
        """How far it is."""

        WAITING = "waiting", "waiting"
        RUNNING = "running", "running"
        DONE = "done", "done"
        FAILED = "failed", "failed"

    who = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    who_name = models.CharField(max_length=200, blank=True)
    is_program = models.BooleanField(default=False)
    """Nobody was asked for permission; else what *who* may is asked again when it runs."""
    created = models.DateTimeField(default=timezone.now)
    started = models.DateTimeField(null=True)
    seen = models.DateTimeField(null=True)
    """When it last said how far it is."""
    process = models.CharField(max_length=100, blank=True)
    """Who runs it."""
    ended = models.DateTimeField(null=True)
    chosen = models.JSONField(default=dict)
    """``{"ids": [...]}``, in the order in which they are taken."""
    words = models.CharField(max_length=500, blank=True)
    """How they were chosen, for people."""
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    total = models.IntegerField(default=0)
    done = models.IntegerField(default=0)
    delivered = models.IntegerField(default=0)
    refused = models.IntegerField(default=0)
    kept = models.JSONField(default=dict)
    """By reason, as of `eventkit.replay`."""
    notes = models.JSONField(default=list)

    class Meta:
        """The latest first."""

        ordering = ("-created", "-pk")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"replay of {self.total}"

    @property
    def is_lost(self) -> bool:
        """Whether it says that it runs, and does not."""
        is_silent = self.seen is None or self.seen < timezone.now() - self.LOST_AFTER
        return self.state == self.State.RUNNING and is_silent


class AccessRequest(models.Model):
    """Somebody asks to become a consumer."""

    class State(models.TextChoices):
        """What has become of it."""

        WAITING = "waiting", "waiting for a decision"
        APPROVED = "approved", "approved"
        REFUSED = "refused", "refused"
        WITHDRAWN = "withdrawn", "withdrawn"

    who = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="eventkit_requests"
    )
    organisation = models.CharField(max_length=200)
    contact = models.EmailField()
    protocol = models.CharField(max_length=10, choices=Protocol.choices, default=Protocol.XAPI)
    url = models.CharField("URL", max_length=2000)
    auth_type = models.CharField(
        "credentials",
        max_length=10,
        choices=Credential.AuthType.choices,
        default=Credential.AuthType.NONE,
    )
    """What its receiver wants to be shown; nothing is sent before it is there."""
    courses = models.JSONField(default=list)
    organisations = models.JSONField(default=list)
    events = models.JSONField(default=list)
    asked = models.JSONField(default=dict)
    """Courses, organisations and events before they were narrowed; empty: they were not."""
    scope = models.TextField(blank=True)
    """
    The organisations that nothing in it is beyond, in lower case, sorted, one blank between. Empty:
    there is no saying, so only who sees all organisations may decide it.
    """
    why = models.TextField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    created = models.DateTimeField(default=timezone.now, db_index=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)
    consumer = models.ForeignKey(
        Consumer, on_delete=models.SET_NULL, null=True, related_name="requests"
    )

    class Meta:
        """The latest first."""

        ordering = ("-created", "-pk")
        default_permissions = ("view", "add")
        permissions = (("decide_accessrequest", "Can approve and refuse requests for access"),)

    def __str__(self) -> str:
        return f"{self.organisation}: {self.url}"
