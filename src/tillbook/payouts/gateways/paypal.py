"""PayPal, by its REST API: captures are refunded.

PayPal lists no refunds of a capture. It keeps each PayPal-Request-Id for 45 days and answers it with what
the first request did: so what became of a refund is asked by sending the same again, as long as that holds.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext as _

from tillbook.payouts.gateways.adapter import (
    Account,
    Attempt,
    GatewayRefuses,
    NotVerified,
    Outcome,
    State,
    Unreadable,
    WrongSignature,
)
from tillbook.payouts.gateways.amounts import NotWritable, decimal
from tillbook.payouts.gateways.events import inner, money, object_of, read, text
from tillbook.payouts.gateways.wire import Answer, NoAnswer, call

_STATES = {"COMPLETED": State.SUCCEEDED, "FAILED": State.FAILED, "CANCELLED": State.FAILED}
_REFUSED = (400, 404, 422)  # PayPal read the request and did nothing
_UNDER_WAY = ("PREVIOUS_REQUEST_IN_PROGRESS", "DUPLICATE_REQUEST_ID")  # issues that say nothing about it
_SPENT = ("CAPTURE_FULLY_REFUNDED", "REFUND_AMOUNT_EXCEEDED")  # maybe by this very refund
_KEPT = timedelta(days=40)  # five days less than PayPal says
_WHOLE = frozenset(("HUF", "JPY", "TWD"))  # developer.paypal.com/api/rest/reference/currency-codes
_DECIMAL = re.compile(r"(?P<whole>[0-9]{1,16})(\.(?P<part>[0-9]{1,4}))?", re.ASCII)
_SIGNED = ("auth-algo", "cert-url", "transmission-id", "transmission-sig", "transmission-time")


def refund(account: Account, attempt: Attempt) -> Outcome:
    """Send it, under the attempt's key."""
    return _sent(account, attempt, _REFUSED)


def _sent(account: Account, attempt: Attempt, refused: tuple[int, ...]) -> Outcome:
    try:
        value = decimal(attempt.minor, attempt.currency, 0 if attempt.currency in _WHOLE else 2)
    except NotWritable as error:
        return Outcome(State.FAILED, reason=str(error))
    wanted = {
        "amount": {"value": value, "currency_code": attempt.currency},
        "custom_id": attempt.key,
        "note_to_payer": attempt.refund,
    }
    path = f"/v2/payments/captures/{quote(attempt.charge, safe='')}/refund"
    headers = {"PayPal-Request-Id": attempt.key, "Prefer": "return=representation"}
    return _told(account, "POST", path, headers, json.dumps(wanted).encode(), refused)


def ask(account: Account, attempt: Attempt) -> Outcome:
    """Ask for the refund by PayPal's id; while there is none, send the same again."""
    if attempt.reference:
        return _told(account, "GET", f"/v2/payments/refunds/{quote(attempt.reference, safe='')}", {})
    if attempt.age > _KEPT:
        return Outcome(
            State.UNKNOWN,
            reason=f"PayPal has forgotten the request. Look for {attempt.key} in its list of activities.",
        )
    # A capture that is not there says that this is another account now, and nothing of what the first did.
    told = _sent(account, attempt, tuple(status for status in _REFUSED if status != 404))
    # Another app of the shop's at PayPal does not know the first one's request, whose payout may be what
    # left nothing of the capture.
    return replace(told, state=State.UNKNOWN) if any(each in told.reason for each in _SPENT) else told


def read_event(account: Account, headers: Mapping[str, str], body: bytes) -> Outcome | None:
    """The outcome that an event about a refund of ours tells, once PayPal has said that it sent it.

    Raises WrongSignature, NotVerified, Unreadable.
    """
    try:
        event = object_of(body)
        signed = {name.replace("-", "_"): headers[f"paypal-{name}"] for name in _SIGNED}
    except (ValueError, KeyError) as error:
        raise WrongSignature("This is no event of PayPal's.") from error
    _verify(account, signed, body)
    if event.get("resource_type") != "refund":
        return None
    about = inner(event, "resource")
    key = about.get("custom_id")
    return read(about, key if isinstance(key, str) else "", _of_event)


def _verify(account: Account, signed: Mapping[str, str], body: bytes) -> None:
    """Ask PayPal whether it signed the event so. Raises WrongSignature, NotVerified."""
    # The event goes back as the very bytes that came: PayPal signed those.
    told = json.dumps({**signed, "webhook_id": account.webhook_secret})
    asked = told[:-1].encode() + b', "webhook_event": ' + body + b"}"
    try:
        answer = _call(account, "POST", "/v1/notifications/verify-webhook-signature", {}, asked)
    except NoAnswer as error:
        raise NotVerified(f"PayPal does not say whether it sent this: {error}") from error
    said = _read(answer)
    if answer.status in _REFUSED or said.get("verification_status") == "FAILURE":
        raise WrongSignature("PayPal did not send this.")
    if said.get("verification_status") != "SUCCESS":
        raise NotVerified(f"PayPal does not say whether it sent this: {_why(answer, said)}")


def _of_event(about: Mapping[str, Any]) -> Outcome:
    """What the refund of an event says. Raises Unreadable."""
    text(about, "id")
    text(about, "status")
    said = inner(about, "amount")
    found = _DECIMAL.fullmatch(text(said, "value"))
    if found is None:
        raise Unreadable("The amount is no decimal such as 12.34.")
    part = found["part"] or ""
    paid = money(int(found["whole"] + part), text(said, "currency_code"), len(part))
    return replace(_outcome(about), paid=paid)


def check(account: Account) -> None:
    """Ask for a token, as each request does."""
    try:
        _token(account)
    except NoAnswer as error:
        raise GatewayRefuses(_("PayPal gives no token: %(why)s") % {"why": error}, field="secret") from error


def _told(
    account: Account,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes = b"",
    refused: tuple[int, ...] = (),
) -> Outcome:
    """What PayPal says; FAILED with a status of those `refused`."""
    try:
        answer = _call(account, method, path, headers, body)
    except NoAnswer as error:
        return Outcome(State.UNKNOWN, reason=str(error))
    said = _read(answer)
    if answer.status in (200, 201) and said.get("id"):
        return _outcome(said)
    why = _why(answer, said)
    is_certain = answer.status in refused and said.get("name") and not any(each in why for each in _UNDER_WAY)
    return Outcome(State.FAILED if is_certain else State.UNKNOWN, reason=why)


def _call(account: Account, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
    sent = {
        "Authorization": f"Bearer {_token(account)}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    }
    return call(method, account.base + path, {**_host(account), **sent, **headers}, body)


def _token(account: Account) -> str:
    """A token for one request. Raises NoAnswer, with why, when PayPal gives none."""
    pair = b64encode(f"{account.client_id}:{account.secret}".encode()).decode()
    body = b"grant_type=client_credentials"
    headers = {
        **_host(account),
        "Authorization": f"Basic {pair}",
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-Length": str(len(body)),
    }
    answer = call("POST", f"{account.base}/v1/oauth2/token", headers, body)
    said = _read(answer)
    if answer.status != 200 or not said.get("access_token"):
        raise NoAnswer(_why(answer, said))
    return str(said["access_token"])


def _host(account: Account) -> dict[str, str]:
    return {"Host": account.base.partition("://")[2], "User-Agent": "Tillbook", "Accept": "application/json"}


def _read(answer: Answer) -> dict[str, Any]:
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _outcome(said: Mapping[str, Any]) -> Outcome:
    state = _STATES.get(str(said.get("status")), State.PENDING)
    details = said.get("status_details")
    reason = str(details.get("reason", "")) if isinstance(details, dict) and state is State.FAILED else ""
    return Outcome(state, str(said["id"]), reason, str(said.get("custom_id") or ""))


def _why(answer: Answer, said: Mapping[str, Any]) -> str:
    """What PayPal said, as it said it: the issue, and what that means."""
    details = said.get("details")
    issues = [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    texts = [str(each.get(name) or "") for each in issues[:3] for name in ("issue", "description")]
    texts = texts or [str(said.get(name) or "") for name in ("name", "error", "message", "error_description")]
    return " ".join([f"HTTP {answer.status}", *filter(None, texts)])[:500]
