"""The pages: Django's admin with eventkit's, and those of consumers' representatives."""

from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("admin/", admin.site.urls),
    path("event-access/", include("eventkit.contrib.django.portal.urls")),
    # Django's own LOGIN_URL; the page of the admin lets only staff in.
    path("accounts/login/", LoginView.as_view(template_name="eventkit/portal/login.html")),
    path("", RedirectView.as_view(url="/admin/")),
]
