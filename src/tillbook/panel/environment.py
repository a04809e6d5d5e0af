"""What the environment sets, to be shown: the name of each variable and its value, never a secret."""

from __future__ import annotations

from typing import NamedTuple

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

_FILES = "django.core.mail.backends.filebased.EmailBackend"


class Fact(NamedTuple):
    """One setting of the environment."""

    label: str
    value: str
    variable: str


def facts() -> list[Fact]:
    """What stays with the environment: the ground that the book stands on, and where it runs."""
    environment = settings.TILLBOOK_SHOP
    yes, no = _("Yes"), _("No")
    return [
        Fact(_("Currency"), environment.currency, "TILLBOOK_CURRENCY"),
        Fact(_("Locale"), environment.locale, "TILLBOOK_LOCALE"),
        Fact(_("Time zone"), environment.time_zone.key, "TILLBOOK_TIME_ZONE"),
        Fact(_("Names of this panel"), ", ".join(settings.ALLOWED_HOSTS), "TILLBOOK_ALLOWED_HOSTS"),
        Fact(_("Data folder"), str(settings.DATA_DIR), "TILLBOOK_DATA_DIR"),
        Fact(_("Database"), connection.display_name, "TILLBOOK_DATABASE_URL"),
        Fact(_("Secret key"), _("Set. It is never shown."), "TILLBOOK_SECRET_KEY"),
        Fact(_("Mail server"), mail_server(), "TILLBOOK_EMAIL_URL"),
        Fact(_("Sender of mails"), settings.DEFAULT_FROM_EMAIL, "TILLBOOK_MAIL_FROM"),
        Fact(
            _("Admins need a second factor"), yes if settings.TILLBOOK_ADMIN_SECOND_FACTOR else no,
            "TILLBOOK_ADMIN_SECOND_FACTOR",
        ),
        Fact(_("Requests a minute of an API key"), str(settings.TILLBOOK_API_RATE), "TILLBOOK_API_RATE"),
        Fact(
            _("Credits up to which reports are made at once"),
            str(settings.TILLBOOK_REPORTS_AT_ONCE),
            "TILLBOOK_REPORTS_AT_ONCE",
        ),
    ]  # fmt: skip


def mail_server() -> str:
    """Where mails go, without user name and password."""
    if settings.EMAIL_BACKEND == _FILES:
        return _("None. Messages become files in %(folder)s") % {"folder": settings.EMAIL_FILE_PATH}
    encrypted = settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL
    how = _("encrypted") if encrypted else _("not encrypted")
    return f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT} ({how})"
