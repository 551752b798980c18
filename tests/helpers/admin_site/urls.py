"""The pages of the site: Django's admin, and what consumers' representatives see."""

from importlib.util import find_spec

from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("admin/", admin.site.urls)]
if find_spec("eventkit.contrib.django.portal"):
    urlpatterns.append(path("access/", include("eventkit.contrib.django.portal.urls")))
