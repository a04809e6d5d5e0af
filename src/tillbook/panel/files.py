"""Files of the panel: what a list shows, all its pages, filtered as it is; and papers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from tempfile import TemporaryFile
from typing import TypeVar, cast

from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from tillbook.common.errors import NotFound
from tillbook.exporters import lists
from tillbook.exporters.lists import Cell, Columns
from tillbook.exporters.report_files import MEDIA_TYPES
from tillbook.panel.edge import PanelRequest

T = TypeVar("T")
K = TypeVar("K")

MOST = 50_000  # rows: more take so long that the page that asked gives up
_AT_ONCE = 1_000


def all_of(page: Callable[[K | None, int], Sequence[T]], key_of: Callable[[T], K]) -> Iterator[T]:
    """The rows of all pages: `page` takes the key of the last row of the page before, and a limit."""
    key: K | None = None
    while rows := page(key, _AT_ONCE):
        yield from rows
        key = key_of(rows[-1])


def download(
    request: PanelRequest,
    name: str,
    title: str,
    ending: str,
    columns: Columns,
    rows: Iterable[T],
    cells: Callable[[T], Sequence[Cell]],
    *place: str,
) -> HttpResponse:
    """The rows as the file `name`; back to the list panel:`name` of `place` where they are too many.

    `title` is the list's name for people: a workbook says of itself that it is that.
    Raises NotFound for an ending that there is no such file of.
    """
    if ending not in lists.ENDINGS:
        raise NotFound(_("There is no such file."))
    found = list(islice(rows, MOST + 1))
    if len(found) > MOST:
        return refused(
            request, name,
            _("Nothing was exported: more than %(most)s match. Narrow the filters, and export each part.")
            % {"most": f"{MOST:,}"},
            *place,
        )  # fmt: skip
    file = TemporaryFile()  # noqa: SIM115  the response closes it
    lists.write(title, columns, map(cells, found), ending, file)
    file.seek(0)
    response = FileResponse(
        file, as_attachment=True, filename=f"{name}.{ending}", content_type=MEDIA_TYPES[ending]
    )
    return cast("HttpResponse", response)  # a response that streams: the edge only adds headers


def refused(request: PanelRequest, name: str, message: str, *place: str) -> HttpResponse:
    """Back to the list, filtered as it was, with the reason."""
    messages.error(request, message)
    return redirect(f"{reverse(f'panel:{name}', args=place)}?{request.GET.urlencode()}".removesuffix("?"))


def pdf(content: bytes, name: str) -> HttpResponse:
    """A PDF for the browser to show; saved, it has that name."""
    return HttpResponse(
        content,
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{name}"'},
    )
