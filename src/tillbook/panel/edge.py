"""The panel's edge: who asks, when, and how a service's refusal reaches the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Concatenate, Generic, ParamSpec, TypeVar, cast
from urllib.parse import unquote
from uuid import uuid4

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods

from tillbook.common.actor import Actor, Permission, Role
from tillbook.common.errors import KeyReused, NotFound, PermissionDenied, Refusal
from tillbook.common.money import with_shown_amounts
from tillbook.shop.policies import shop
from tillbook.staff.models import User
from tillbook.staff.second_factor import has_second_factor

P = ParamSpec("P")
T = TypeVar("T")

_LONGEST_ID = 19  # with fewer digits any number fits the database's integers
_NUL = gettext_lazy("The address holds a character that no name has.")


class PanelRequest(HttpRequest):
    """A request of someone logged in; `now` is read once, here, for all that it does."""

    actor: Actor
    now: datetime


class RuledForm(forms.Form):
    """A form that knows the rules by which its service refuses what its fields hold."""

    def rules(self) -> Iterable[Rule]:
        """The rules of what could be read, each by itself: called, one raises its refusal."""
        return ()


Rule = Callable[[], object]
PanelView = Callable[Concatenate[PanelRequest, P], HttpResponse]
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def page(view: PanelView[P]) -> View[P]:
    """A page that is read and posted to."""
    return _at_edge(view, ["GET", "HEAD", "POST"])


def form_for(permission: Permission) -> Callable[[PanelView[P]], View[P]]:
    """The page of a form that only some may send. The others are refused before they fill it in; what is
    sent, the service refuses by itself.
    """

    def decorated(view: PanelView[P]) -> View[P]:
        @wraps(view)
        def allowed(request: PanelRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            request.actor.require(permission)
            return view(request, *args, **kwargs)

        return page(allowed)

    return decorated


def read_only(view: PanelView[P]) -> View[P]:
    """A page that changes nothing."""
    return _at_edge(view, ["GET", "HEAD"])


def command(parent: str) -> Callable[[PanelView[P]], View[P]]:
    """An address that a button posts to. It has no page of its own: whoever opens it is led to `parent`,
    the page of the button, whose address has the same parameters.
    """
    return lambda view: _at_edge(view, ["GET", "HEAD", "POST"], parent)


def account_page(view: PanelView[P]) -> View[P]:
    """A page where a second factor is set up: open to the admin who must do that before anything else."""
    return _at_edge(view, ["GET", "HEAD", "POST"], sets_up=True)


def must_set_up(user: User) -> bool:
    """Whether the shop wants a second factor of this user, and they have none."""
    wanted = settings.TILLBOOK_ADMIN_SECOND_FACTOR and user.role == Role.ADMIN
    return wanted and not has_second_factor(user.pk)


def _at_edge(view: PanelView[P], methods: list[str], parent: str = "", *, sets_up: bool = False) -> View[P]:
    # What a page shows of bank accounts must not stay in the browser after its reader logged out.
    @cache_control(no_store=True)
    @require_http_methods(methods)
    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if "\0" in request.path + unquote(request.META.get("QUERY_STRING", "")):
            return render(request, "404.html", {"message": _NUL}, status=404)  # PostgreSQL can't compare it
        if not request.user.is_authenticated:
            return redirect_to_login(reverse("panel:home") if parent else request.get_full_path())
        if not sets_up and must_set_up(request.user):
            return redirect("mfa_index")
        if parent and request.method != "POST":
            return redirect(reverse(parent, args=args, kwargs=dict(kwargs)))
        panel_request = cast("PanelRequest", request)
        panel_request.actor = request.user.as_actor(origin=origin_of(request))
        panel_request.now = timezone.now()
        try:
            return view(panel_request, *args, **kwargs)
        except PermissionDenied as refusal:
            return render(request, "403.html", {"message": refusal.message}, status=403)
        except NotFound as refusal:
            return render(request, "404.html", {"message": refusal.message}, status=404)

    return cast("View[P]", wrapped)


def origin_of(request: HttpRequest) -> str:
    return f"panel {request.META.get('REMOTE_ADDR', '')}".strip()


def answer(form: forms.BaseForm, call: Callable[[], T], *, but: tuple[type[Refusal], ...] = ()) -> T | None:
    """What the service answers, or None after its refusal became an error of the form.

    The error stands at the field that the refusal names, or above the form if it has none. A service raises
    its first refusal alone; what else is wrong with the fields the form's own rules say. One of `but` is the
    caller's own to answer.
    """
    try:
        return call()
    except (PermissionDenied, NotFound):
        raise
    except Refusal as refusal:
        if isinstance(refusal, but):
            raise
        refuse(form, refusal)
        if refusal.field in form.fields and not isinstance(refusal, KeyReused):
            refuse_rest(form)
        return None


def refuse_rest(form: forms.BaseForm) -> None:
    """Say of each other field too what is wrong with it, where something is: all is mended at once then.

    Only what is refused anyway comes here. A form that was sent twice must reach its service, which gives
    the first answer again (R4), although by now a rule may forbid it.
    """
    for rule in list(form.rules()) if isinstance(form, RuledForm) else ():
        try:
            rule()
        except Refusal as refusal:
            if refusal.field not in form.errors:
                refuse(form, refusal)


def refuse(form: forms.BaseForm, refusal: Refusal) -> None:
    """Make the refusal an error of the form: of its field in a table, of its field, or of the whole.

    A form names the fields of a table's row as their column with the row's id: "amount_42".
    """
    names = [f"{refusal.cell[1]}_{refusal.cell[0]}"] if refusal.cell else []
    known = [name for name in (*names, refusal.field) if name in form.fields]
    name, text = known[0] if known else None, _for_people(refusal)
    if text not in form.errors.get(name or NON_FIELD_ERRORS, []):  # once is enough
        form.add_error(name, text)


def message_refusal(request: HttpRequest, call: Callable[[], T]) -> T | None:
    """What the service answers, or None after its refusal became a message of the next page."""
    try:
        return call()
    except (PermissionDenied, NotFound):
        raise
    except Refusal as refusal:
        messages.error(request, _for_people(refusal))
        return None


def message_errors(request: HttpRequest, form: forms.BaseForm) -> None:
    """Say on the next page what is wrong with a small form that has none of its own."""
    for errors in form.errors.values():
        for error in errors:
            messages.error(request, str(error))


def _for_people(refusal: Refusal) -> str:
    """The refusal's message; a page's key is nothing that its reader ever saw."""
    if isinstance(refusal, KeyReused):
        return _("This form was already sent, with other values. Open the page again to send these as well.")
    return with_shown_amounts(refusal.message, shop().locale)


def status_of(form: forms.BaseForm) -> int:
    """The status of a page that shows this form: 422 if what was sent can't be taken."""
    return 422 if form.is_bound and form.errors else 200


def new_key() -> str:
    """A key for a form about to be shown, so that sending it twice does its work once (R4)."""
    return f"panel-{uuid4().hex}"


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list that is read by key: no counting, no skipping over rows."""

    items: Sequence[T]
    key: str  # where this page starts; empty on the first
    next_key: str  # where the next one starts; empty on the last


def whole(text: str) -> int | None:
    """The row id that an address or a form names; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < _LONGEST_ID else None


def page_of(rows: Sequence[T], size: int, *, key: str, key_of: Callable[[T], str]) -> Page[T]:
    """The first `size` of `rows`; call it with one row more than that, to know whether there are others."""
    items = rows[:size]
    return Page(items, key, key_of(items[-1]) if len(rows) > size else "")
