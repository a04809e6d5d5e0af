"""What formats of text share."""

from __future__ import annotations

import unicodedata
from datetime import date

#: No transfer is older; opened there, an account can take any earlier period too.
EVER = date(1900, 1, 1)


def one_line(text: str) -> str:
    """The text with every control character, line break and run of blanks as one blank."""
    shown = "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in text)
    return " ".join(shown.split())
