"""Which language is spoken to whom: people read their own, customers the shop's, programs English."""

from __future__ import annotations

from django.conf import settings
from django.utils import translation

#: The languages that the program's texts are in, each by its own name.
LANGUAGES = (("en", "English"), ("de", "Deutsch"))

#: What programs read: the API, the old wire, the command line. A message there is quoted and compared.
FOR_PROGRAMS = "en"


def said(text: str) -> str:
    """`gettext`, but for what is refused while the settings are being read: no language is chosen yet."""
    return translation.gettext(text) if settings.configured else text


def is_known(language: str) -> bool:
    return any(language == code for code, _ in LANGUAGES)
