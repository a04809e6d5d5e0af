"""PDF from a typst template beside the module that fills it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import Any

import typst
from django.conf import settings

# A compiler keeps its fonts and parsed sources between documents, and serves one thread at a time.
_compiling = Lock()
_NO_FONT_HAS_IT = re.compile("PDF/UA-1 error: the text .* could not be displayed")  # as the compiler says it


class PdfError(RuntimeError):
    """The compiler warned about the document, which would have left something off the page."""


def compiled(template: Path, inputs: Mapping[str, str]) -> bytes:
    """The document that `template` makes of `inputs`, its sys.inputs. Raises PdfError on any warning."""
    with _compiling:
        compiler = _compiler(template, settings.TILLBOOK_FONTS)
        pdf, warnings = _accessible(compiler, dict(inputs))
    if warnings:
        raise PdfError("; ".join(warning.message for warning in warnings))
    if not isinstance(pdf, bytes):
        raise PdfError("The compiler returned no document.")
    return pdf


def _accessible(compiler: typst.Compiler, inputs: dict[str, str]) -> tuple[Any, list[typst.TypstWarning]]:
    """The document as PDF/UA-1, which readers show by its title and read aloud; and the warnings.

    One with a character that no font has can't be that, and does not claim it: an empty box tells nothing.
    Any other fault would be a template's own.
    """
    try:
        return compiler.compile_with_warnings(format="pdf", sys_inputs=inputs, pdf_standards="ua-1")
    except typst.TypstError as error:
        if not _NO_FONT_HAS_IT.match(error.message):
            raise
    return compiler.compile_with_warnings(format="pdf", sys_inputs=inputs)


@cache
def _compiler(template: Path, more_fonts: Path | None) -> typst.Compiler:
    # No system fonts: a document looks the same on every machine. What a setting adds is only used for
    # characters that the templates' own fonts lack.
    own = Path(str(files("font_roboto") / "files"))
    return typst.Compiler(
        template,
        root=template.parent,
        font_paths=[own] if more_fonts is None else [own, more_fonts],
        ignore_system_fonts=True,
    )
