"""The wire's one address: whose key it is, what it asks for, and how everything is answered.

HTTP says 200 to whatever was understood, `Ack` says what became of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from tillbook.common import rate
from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput, NotFound, PermissionDenied, Refusal
from tillbook.neto import credits, customers, methods, orders, payments, refunds, rmas, wire
from tillbook.neto.calls import Call, error
from tillbook.neto.fields import told_moment
from tillbook.neto.wire import Tree
from tillbook.staff import answers, keys

PATH = "/do/WS/NetoAPI"
RATE = 500  # calls a minute, as the platform has it

ACTIONS: dict[str, Callable[[Call], Tree]] = {
    "GetCustomer": customers.get,
    "AddCustomer": customers.add,
    "UpdateCustomer": customers.update,
    "GetOrder": orders.get,
    "AddOrder": orders.add,
    "UpdateOrder": orders.update,
    "AddPayment": payments.add,
    "GetPayment": payments.get,
    "GetPaymentMethods": methods.get,
    "AddRma": rmas.add,
    "GetRma": rmas.get,
    "AddCredit": credits.add,
    "GetCredit": credits.get,
    "AddRefund": refunds.add,
    "GetRefund": refunds.get,
    "UpdateRefund": refunds.update,
    "RecalculateBalance": credits.recalculate,
}


class TooManyCalls(Refusal):
    """The API key has no calls left in this minute."""

    code = "too_many_requests"


class KeyInUse(Refusal):
    """A call with the same Idempotency-Key is still running."""

    code = "key_in_use"


# Each thing in a call is done by itself: those before the one that failed are.
_SOME_DONE = (
    "Something went wrong here, and a part of the call may be done. "
    "With an Idempotency-Key it can be sent again: no part is done twice."
)


class WireResponse(HttpResponse):
    """An answer in the wire's own shape."""


@lru_cache(maxsize=1)
def limiter() -> rate.Limiter:
    """The one that all calls of this process are counted by."""
    return rate.Limiter(RATE)


def answers_all(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: where Django would answer a page of its own, the wire's error."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.path.rstrip("/") != PATH or isinstance(response, WireResponse):
            return response
        if response.status_code >= 500:
            return _refused(request, Refusal(_SOME_DONE), 500)
        return _refused(request, InvalidInput("The call can't be read."))

    return middleware


@csrf_exempt  # its callers have no session: each call shows its key
def endpoint(request: HttpRequest) -> HttpResponse:
    """One call of the wire."""
    if request.method != "POST":
        return _refused(request, InvalidInput("Send a POST."))
    actor = _actor(request)
    if actor is None:
        return _refused(request, PermissionDenied("Invalid API key, or not this user's."))
    allowance = limiter().take(actor.identity)
    if allowance.remaining < 0:
        response = _refused(request, TooManyCalls(f"More than {RATE} calls in a minute."), 429)
        response["Retry-After"] = str(allowance.resets_in)
        return response
    try:
        tree = _told(request, actor)
    except Refusal as refusal:
        return _refused(request, refusal)
    return _answer(request, tree)


def _actor(request: HttpRequest) -> Actor | None:
    """Whose key it is. A user's name may be left out; one that is sent must be the owner's."""
    now = timezone.now()
    key = keys.key_of(request.META.get("HTTP_NETOAPI_KEY", "").strip(), now)
    username = request.META.get("HTTP_NETOAPI_USERNAME", "").strip()
    if key is None or username not in ("", key.username):
        return None
    keys.note_use(key, now)
    return keys.actor_of(key, f"neto {request.META.get('REMOTE_ADDR', '')}".strip())


def _told(request: HttpRequest, actor: Actor) -> Tree:
    name = _action(request)
    do = ACTIONS.get(name)
    if do is None:
        raise NotFound(f"There is no action {name[:40]!r}.", field="NETOAPI_ACTION")
    try:
        sent = request.body
    except RequestDataTooBig:
        raise InvalidInput("The request is too large.") from None
    call = Call(name, wire.read(sent), actor, timezone.now(), request.headers.get("Idempotency-Key", ""))
    return _once(call, do, sent) if call.sent_key and not name.startswith("Get") else do(call)


def _once(call: Call, do: Callable[[Call], Tree], sent: bytes) -> Tree:
    """The answer to a change that has a key: the first one again, if there was one. Raises KeyReused."""
    # A header that is sent twice arrives as one with a comma: it would be another key than the first time.
    if len(call.sent_key) > 150 or not call.sent_key.isprintable() or "," in call.sent_key:
        raise InvalidInput(
            "An Idempotency-Key is 1 to 150 printable characters without commas.", field="Idempotency-Key"
        )
    caller, key = call.actor.identity, f"neto:{call.sent_key}"
    content = hashlib.sha256(call.action.encode() + b"\n" + sent).hexdigest()
    with transaction.atomic():
        if not answers.is_free(caller, key):
            raise KeyInUse("A call with this key is still running. Send it again in a moment.")
        if (first := answers.first_answer(caller, key, content)) is not None:
            return wire.from_json(first.body)
        tree = do(call)
        body = wire.to_json(tree)
        answers.keep(caller=caller, key=key, content=content, status=200, body=body, now=call.now)
    return tree


def _action(request: HttpRequest) -> str:
    action: str = request.META.get("HTTP_NETOAPI_ACTION", "").strip()
    return action


def _refused(request: HttpRequest, refusal: Refusal, status: int = 200) -> HttpResponse:
    return _answer(request, {"Ack": "Error", "Messages": {"Error": [error(refusal)]}}, status)


def _answer(request: HttpRequest, tree: Tree, status: int = 200) -> HttpResponse:
    """As JSON where Accept names it, else as XML."""
    whole: dict[str, Any] = {
        **{name: value for name, value in tree.items() if name not in ("Ack", "Messages")},
        "CurrentTime": told_moment(timezone.now()),
        "Ack": tree.get("Ack", "Success"),
        "Messages": tree.get("Messages", {}),
    }
    if "json" in request.headers.get("Accept", "").lower():
        response = WireResponse(wire.to_json(whole), status=status, content_type="application/json")
    else:
        text = wire.to_xml(_action(request), whole)
        response = WireResponse(text, status=status, content_type="text/xml; charset=utf-8")
    response["Cache-Control"] = "no-store"
    return response
