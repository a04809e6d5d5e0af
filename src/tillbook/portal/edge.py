"""The portal's edge: whose page is open in this browser, when, and what every answer carries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Concatenate, ParamSpec, cast
from urllib.parse import unquote
from uuid import uuid4

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods

from tillbook.common.actor import Actor
from tillbook.common.errors import NotFound
from tillbook.customers import links
from tillbook.customers.models import Customer
from tillbook.delivery.own_page import PATH
from tillbook.shop.policies import shop

P = ParamSpec("P")

_COOKIE = "tillbook_my"
_SALT = "tillbook.portal"


class PortalRequest(HttpRequest):
    """A request to a customer's own pages; `now` is read once, here, for all that it does."""

    now: datetime
    customer: Customer | None  # whose page is open in this browser


class OwnRequest(PortalRequest):
    """One of somebody whose page is open."""

    customer: Customer
    actor: Actor


PublicView = Callable[Concatenate[PortalRequest, P], HttpResponse]
OwnView = Callable[Concatenate[OwnRequest, P], HttpResponse]
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def public(*methods: str) -> Callable[[PublicView[P]], View[P]]:
    """A page for everybody, where the shop has pages for its customers; else there is none."""
    return lambda view: _at_edge(view, [*methods])


def own(*methods: str) -> Callable[[OwnView[P]], View[P]]:
    """A page for whoever opened theirs by a link. All others are led to where one asks for a link."""

    def decorated(view: OwnView[P]) -> View[P]:
        @wraps(view)
        def visited(request: PortalRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if request.customer is None:
                messages.info(request, _("Your page is closed. Ask for a new link to open it."))
                return redirect("portal:home")
            own_request = cast("OwnRequest", request)
            own_request.actor = Actor.customer(request.customer.pk, origin_of(request))
            return view(own_request, *args, **kwargs)

        return _at_edge(visited, [*methods])

    return decorated


def _at_edge(view: PublicView[P], methods: list[str]) -> View[P]:
    @require_http_methods(methods)
    def visible(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        portal_request = cast("PortalRequest", request)
        portal_request.now = timezone.now()
        portal_request.customer = None
        if "\0" in request.path + unquote(request.META.get("QUERY_STRING", "")):
            return missing(portal_request)  # PostgreSQL can't compare it
        token = request.get_signed_cookie(_COOKIE, "", salt=_SALT)
        if token:
            portal_request.customer = links.visitor(token, portal_request.now)
        try:
            return view(portal_request, *args, **kwargs)
        except NotFound as refusal:
            return missing(portal_request, refusal.message)

    @cache_control(no_store=True, private=True)
    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not shop().own_page:  # before all else: nothing tells such an address from any other
            raise Http404
        return visible(request, *args, **kwargs)

    return cast("View[P]", wrapped)


def missing(request: PortalRequest, message: str = "") -> HttpResponse:
    """The answer for what is not there, or is somebody else's."""
    return render(request, "portal/missing.html", {"message": message}, status=404)


def remember(response: HttpResponse, token: str) -> None:
    """Keep the visit's token in the browser, for these pages alone."""
    response.set_signed_cookie(
        _COOKIE, token, salt=_SALT, path=PATH, httponly=True, samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )  # fmt: skip


def forget(request: PortalRequest, response: HttpResponse) -> None:
    """End the visit, here and in the browser."""
    if token := request.get_signed_cookie(_COOKIE, "", salt=_SALT):
        links.leave(token, request.now)
    response.delete_cookie(_COOKIE, path=PATH, samesite="Lax")


def origin_of(request: HttpRequest) -> str:
    return f"own page {request.META.get('REMOTE_ADDR', '')}".strip()


def new_key() -> str:
    """A key for a form about to be shown, so that sending it twice does its work once (R4)."""
    return f"own-page-{uuid4().hex}"
