"""What a PDF says of itself, for readers that show or read it aloud."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from pypdf import PdfReader


def says_it_is_accessible(pdf: bytes) -> bool:
    """Whether it bears the mark of PDF/UA-1, and is shown by its title."""
    root = _root(pdf)
    shown_by_title = root.get("/ViewerPreferences", {}).get("/DisplayDocTitle", False)
    return bool(shown_by_title) and b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data()


def language(pdf: bytes) -> str:
    return str(_root(pdf)["/Lang"])


def headings(pdf: bytes) -> list[str]:
    """The levels of its headings, "H1" and so on, in the order in which they are read."""
    found: list[str] = []
    left = [_root(pdf)["/StructTreeRoot"]]
    while left:
        part = left.pop().get_object()
        if isinstance(part, list):
            left += reversed(part)
        elif isinstance(part, dict):
            kind = str(part.get("/S", ""))[1:]
            found += [kind] if kind in {"H1", "H2", "H3"} else []
            left += [part["/K"]] if "/K" in part else []
    return found


def _root(pdf: bytes) -> Any:
    return PdfReader(BytesIO(pdf)).trailer["/Root"]
