"""Django's mail settings, from a URL."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import dj_email_url  # type: ignore[import-untyped]

from tillbook.config.checks import wrong

_FILES = "django.core.mail.backends.filebased.EmailBackend"
_FILE = "file://"
_ENCRYPTED = {"smtp+tls": ("EMAIL_USE_TLS", 587), "smtp+ssl": ("EMAIL_USE_SSL", 465)}
_NOTHING: dict[str, Any] = {
    "EMAIL_FILE_PATH": None,
    "EMAIL_HOST": None,
    "EMAIL_PORT": None,
    "EMAIL_HOST_USER": None,
    "EMAIL_HOST_PASSWORD": None,
    "EMAIL_USE_TLS": False,
    "EMAIL_USE_SSL": False,
}


def mail_settings(url: str, data_dir: Path) -> dict[str, Any]:
    """The EMAIL_ settings that `url` stands for; without one, messages become files in `data_dir`/outbox.

    Raises ImproperlyConfigured, without repeating the URL: it holds a password.
    """
    if not url:
        return _NOTHING | {"EMAIL_BACKEND": _FILES, "EMAIL_FILE_PATH": str(data_dir / "outbox")}
    if url.startswith(_FILE):
        return _NOTHING | {"EMAIL_BACKEND": _FILES, "EMAIL_FILE_PATH": _folder(url.removeprefix(_FILE))}
    scheme, _, rest = url.partition("://")
    encryption, port = _ENCRYPTED.get(scheme, (None, None))
    try:
        parsed: dict[str, Any] = dj_email_url.parse(f"smtp://{rest}" if encryption else url)
    except ValueError as error:
        raise _unreadable() from error
    if "EMAIL_BACKEND" not in parsed:
        raise _unreadable()
    if encryption:
        # A port of its own stays; the parser fills in the one of mail without encryption.
        parsed |= {
            encryption: True,
            "EMAIL_PORT": port if parsed["EMAIL_PORT"] == 25 else parsed["EMAIL_PORT"],
        }
    return {name: parsed[name] for name in ("EMAIL_BACKEND", *_NOTHING)}


def _folder(text: str) -> str:
    if not text:
        raise wrong("EMAIL_URL", "write the folder after file://, as in file:///var/mail/outbox.")
    return str(Path(unquote(text)).absolute())


def _unreadable() -> Exception:
    return wrong("EMAIL_URL", "write it as smtp+tls://USER:PASSWORD@HOST:587 or file:///FOLDER.")
