"""
The portal's addresses, for a site's own: ``path("event-access/", include("...portal.urls"))``.

They are in the namespace ``eventkit_portal``.
"""

from __future__ import annotations

from django.urls import path

from eventkit.contrib.django.portal import views

app_name = "eventkit_portal"

urlpatterns = [
    path("", views.home, name="home"),
    path("request/", views.ask, name="request"),
    path("requests/<int:pk>/", views.request_detail, name="request_detail"),
    path("requests/<int:pk>/withdraw/", views.withdraw, name="withdraw"),
    path("receivers/<int:pk>/credentials/", views.credentials, name="credentials"),
    path("receivers/<int:pk>/pause/", views.pause, name="pause"),
    path("receivers/<int:pk>/resume/", views.resume, name="resume"),
    path("receivers/<int:pk>/", views.consumer, name="consumer"),
]
