"""Middleware: the language of each answer."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from tillbook.api.edge import PATH as API
from tillbook.common.languages import FOR_PROGRAMS, is_known
from tillbook.neto.edge import PATH as WIRE

Answer = Callable[[HttpRequest], HttpResponse]


def spoken(get_response: Answer) -> Answer:
    """English to programs, to people what they chose, and before log-in what their browser asks for.

    It asks the database nothing: the choice stands in the user's row, which every page reads. It stands
    after the middleware that knows the user, and before all that may answer by itself.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        with translation.override(_language_of(request)):
            response = get_response(request)
            response.headers.setdefault("Content-Language", translation.get_language() or FOR_PROGRAMS)
        return response

    return middleware


def _language_of(request: HttpRequest) -> str:
    if request.path.startswith((API, WIRE)):
        return FOR_PROGRAMS
    if request.user.is_authenticated:
        # A language that was taken out of the program since is nobody's any more.
        return request.user.language if is_known(request.user.language) else settings.LANGUAGE_CODE
    return translation.get_language_from_request(request)
