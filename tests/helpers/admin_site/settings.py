"""
The settings of the site: what `django-admin startproject` gives, and eventkit's app.

EVENTKIT_SITE_DATABASE says which database: a file of SQLite, or an address such as
``postgresql://name@/name?host=/folder/of/socket`` or ``mysql://name@localhost/name?unix_socket=...``.
"""

from __future__ import annotations

import os
from urllib.parse import parse_qsl, urlsplit

import django

SECRET_KEY = "no secret, the site is for tests"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
ROOT_URLCONF = "admin_site.urls"
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
MEDIA_URL = "/media/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Logging in is not what is tested.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
DEFAULT_FROM_EMAIL = "site@example.org"
LOGIN_URL = "/admin/login/"

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
    "admin_site.policy.strict",
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
LOGGING = {"version": 1, "disable_existing_loggers": False}

EVENTKIT_ADMIN = {
    "KEYS": ["c2VjcmV0cyBvZiB0ZXN0cyBhcmUgbm8gc2VjcmV0cyE="],
}


def database(where: str) -> dict[str, object]:
    """Give the setting for the database at *where*."""
    address = urlsplit(where)
    if not address.scheme:
        options: dict[str, object] = {"timeout": 30}
        if django.VERSION >= (5, 1):
            options["transaction_mode"] = "IMMEDIATE"
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": where, "OPTIONS": options}
    engines = {"postgresql": "postgresql", "mysql": "mysql"}
    more = dict(parse_qsl(address.query))
    host = more.pop("host", address.hostname or "")
    return {
        "ENGINE": f"django.db.backends.{engines[address.scheme]}",
        "NAME": address.path.strip("/"),
        "USER": address.username or "",
        "PASSWORD": address.password or "",
        "HOST": host,
        "PORT": str(address.port or ""),
        "OPTIONS": more,
    }


_where = os.environ.get("EVENTKIT_SITE_DATABASE", "admin_site.sqlite3")
if _where.startswith("mysql:"):
    import pymysql

    pymysql.install_as_MySQLdb()

DATABASES = {"default": database(_where)}
