"""The settings of the demo site; what eventkit needs of them stands at the end."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

import django
from cryptography.fernet import Fernet

from eventkit.demo.cast import COURSES, LMS_ROOT
from eventkit.typing import Json

FOLDER = Path(os.environ["EVENTKIT_DEMO_FOLDER"])


def own_secret(name: str, make: Callable[[], str] = lambda: secrets.token_hex(32)) -> Json:
    """Say where a secret of this run is, the same for all its processes."""
    path = FOLDER / name
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(make(), encoding="utf-8")
    return {"file": str(path)}


SECRET_KEY = Path(own_secret("secret_key")["file"]).read_text("utf-8")
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "demo_site.urls"
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_REDIRECT_URL = "/event-access/"
# Mails are shown where the site was started.
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
DEFAULT_FROM_EMAIL = "site@example.org"

_LOCKS: Json = {"timeout": 30}
if django.VERSION >= (5, 1):
    _LOCKS["transaction_mode"] = "IMMEDIATE"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": FOLDER / "site.sqlite3",
        "OPTIONS": _LOCKS,
    }
}
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "eventkit.contrib.django",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# The terminal is for mails, and for what goes wrong.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {name: {"level": "ERROR"} for name in ("django.server", "django.request")},
}

STORE = FOLDER / "store.db"
"""The queues of the worker."""


IDENTITY_SECRET = own_secret("identity_secret")
"""What learners' ids depend on, the same for the worker and for the pages that try events."""


def _translator(name: str) -> Json:
    identity = {"ENGINE": "eventkit.HMACIdentity", "OPTIONS": {"secret": IDENTITY_SECRET}}
    return {
        "ENGINE": f"eventkit.{name}",
        "OPTIONS": {"lms_root": LMS_ROOT, "identity": identity, "courses": COURSES},
    }


EVENTKIT_ADMIN = {
    "KEYS": [own_secret("key", lambda: Fernet.generate_key().decode())],
    "STORE": STORE,
    "TRANSLATORS": {
        "xapi": _translator("XAPITranslator"),
        "caliper": _translator("CaliperTranslator"),
    },
    "PORTAL": {
        # The receivers of the demo are on this machine; a real site needs no such line.
        "ALLOW_HOSTS": ["127.0.0.1"],
        "MAIL_TO": ["administrators@example.org"],
    },
}
