"""The pages: Django's admin with eventkit's, and those of consumers' representatives."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("admin/", admin.site.urls),
    path("event-access/", include("eventkit.contrib.django.portal.urls")),
    path("", RedirectView.as_view(url="/admin/")),
]
