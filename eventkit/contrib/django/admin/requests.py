"""Requests for access in the admin: look at them, narrow them, approve or refuse."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_protect

from eventkit.contrib.django import access
from eventkit.contrib.django.admin.frame import RowsAdmin
from eventkit.contrib.django.models import LONGEST_ID, AccessRequest, Tenant
from eventkit.contrib.django.portal import asking, notices
from eventkit.contrib.django.portal.forms import WantedFields, initial_of
from eventkit.contrib.django.validation import Invalid


class DecisionForm(WantedFields):
    """What a request may have, and what is decided."""

    slug = forms.CharField(
        label="Id of the consumer",
        max_length=LONGEST_ID,
        required=False,
        help_text="Its unique name in logs, counts and dead letters; it cannot be changed later.",
    )
    tenant = forms.ModelChoiceField(
        label="Tenant",
        queryset=Tenant.objects.none(),
        required=False,
        empty_label="none: bounded by its rules alone",
        help_text="It gets only events of this tenant's organisations, whatever its rules say.",
    )
    reason = forms.CharField(
        label="Word to the representative",
        required=False,
        max_length=4000,
        widget=forms.Textarea({"rows": 4}),
        help_text="It is in the mail that they get. Whoever refuses has to say why.",
    )

    def __init__(self, *args: Any, user: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["families"].help_text = "In brackets: how many events are of a kind."
        self.fields["events"].help_text = "Names of events, one a line, with * for anything."
        field = self.fields["tenant"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - for the type checker
        field.queryset = access.tenants(user)
        if not access.sees_all(user):
            field.empty_label = "choose one of yours"


@admin.register(AccessRequest)
class AccessRequestAdmin(RowsAdmin):
    """Requests that somebody may see; a request is decided on its own page."""

    list_display = ("organisation", "receiver", "who", "state", "created")
    list_filter = ("state",)
    list_select_related = ("who",)
    list_per_page = 50
    date_hierarchy = None
    actions = None
    change_list_template = "eventkit/admin/requests.html"

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Search also by the name of who asked, whatever the site calls it."""
        del request
        return ("organisation", "url", f"who__{get_user_model().USERNAME_FIELD}")

    @admin.display(description="receiver", ordering="url")
    def receiver(self, asked: AccessRequest) -> str:
        """Give the host that it is about: what has to be looked at first."""
        return urlsplit(asked.url).netloc

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccessRequest]:
        """Give those that the user sees."""
        return access.requests(request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Tell whether it stands in the index."""
        return access.may(request.user, "view_requests")

    def has_view_permission(self, request: HttpRequest, obj: AccessRequest | None = None) -> bool:
        """Tell whether the user sees it."""
        return access.may(request.user, "view_requests", obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say no: representatives ask, in the portal."""
        del request
        return False

    def has_change_permission(self, request: HttpRequest, obj: AccessRequest | None = None) -> bool:
        """Tell whether the user may decide it."""
        return access.may(request.user, "decide", obj)

    def has_delete_permission(self, request: HttpRequest, obj: AccessRequest | None = None) -> bool:
        """Say no: what was asked for and decided stays."""
        del request, obj
        return False

    @method_decorator(csrf_protect)
    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a request, and do what was decided."""
        del form_url
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = self.get_object(request, object_id)
        if asked is None:
            raise Http404("There is no such request.")
        may_decide = self.has_change_permission(request, asked)
        if request.method == "POST" and not may_decide:
            raise PermissionDenied
        form = self._form(request, asked)
        if request.method == "POST" and (answer := self._decide(request, asked, form)):
            return answer
        return self._show(request, asked, form, may_decide=may_decide, **(extra_context or {}))

    def _form(self, request: HttpRequest, asked: AccessRequest) -> DecisionForm:
        wanted = asking.wanted_of(asked)
        fitting = asking.tenants_for(wanted, request.user)
        is_bound = not access.sees_all(request.user)
        initial = {
            **initial_of(wanted),
            "slug": asking.suggested_slug(asked),
            "tenant": fitting[0] if is_bound and len(fitting) == 1 else None,
        }
        data = request.POST if request.method == "POST" else None
        return DecisionForm(data, initial=initial, user=request.user)

    def _decide(
        self, request: HttpRequest, asked: AccessRequest, form: DecisionForm
    ) -> HttpResponse | None:
        """Do what was decided; None: something is wrong with it, and the form says what."""
        is_valid = form.is_valid()
        try:
            if "_refuse" in request.POST:
                # What it would have had does not matter any more.
                reason = form.cleaned_data.get("reason", "")
                asked = asking.refuse(asked, reason, by=request.user)
                self._done(request, asked, "refused", is_told=notices.refused(asked, request))
            elif not is_valid:
                return None
            elif "_approve" in request.POST:
                self._approve(request, asked, form)
            else:
                asking.narrow(asked, form.wanted(), by=request.user)
                messages.success(request, "The request was changed; it still waits for a decision.")
                return redirect(request.path)
        except asking.AlreadyDecided as error:
            messages.error(request, str(error))
            return redirect(request.path)
        except Invalid as error:
            form.tell(error.found)
            return None
        return redirect("admin:eventkit_accessrequest_changelist")

    def _approve(self, request: HttpRequest, asked: AccessRequest, form: DecisionForm) -> None:
        consumer = asking.approve(
            asked,
            form.cleaned_data["slug"],
            by=request.user,
            wanted=form.wanted(),
            tenant=form.cleaned_data["tenant"],
            reason=form.cleaned_data["reason"],
        )
        asked.refresh_from_db()
        is_told = notices.approved(asked, consumer, request)
        self._done(request, asked, f"approved: consumer {consumer.slug}", is_told=is_told)

    def _done(
        self, request: HttpRequest, asked: AccessRequest, what: str, *, is_told: bool
    ) -> None:
        messages.success(request, f"The request of {asked.organisation} was {what}.")
        if not is_told:
            messages.warning(
                request,
                f"The mail to {asked.contact} could not be sent; tell them yourself. They see the "
                "decision in the portal, too.",
            )

    def _show(
        self,
        request: HttpRequest,
        asked: AccessRequest,
        form: DecisionForm,
        *,
        may_decide: bool,
        **extra: Any,
    ) -> HttpResponse:
        is_waiting = asked.state == AccessRequest.State.WAITING
        before = asking.asked_of(asked)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Request of {asked.organisation}",
            "subtitle": None,
            "opts": self.opts,
            "original": asked,
            "asked": asked,
            "words": notices.words_of_request(asked),
            "before": before if before != asking.wanted_of(asked) else None,
            "form": form,
            "may_decide": may_decide and is_waiting,
            "is_waiting": is_waiting,
            "consumer": self._consumer(request, asked),
            **extra,
        }
        return TemplateResponse(request, "eventkit/admin/request.html", context)

    def _consumer(self, request: HttpRequest, asked: AccessRequest) -> Any:
        """Give the consumer that came of it, if the user sees it."""
        return access.consumers(request.user).filter(requests=asked).first()
