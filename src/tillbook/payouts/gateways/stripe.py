"""Stripe, by its own SDK: charges and payment intents are refunded.

Stripe knows an idempotency key for a day at least. So what became of a refund is asked by listing the
charge's refunds, whose metadata has the key, before anything is sent again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import stripe
from django.utils.translation import gettext as _

from tillbook.payouts.gateways.adapter import (
    Account,
    Attempt,
    GatewayRefuses,
    Outcome,
    State,
    Unreadable,
    WrongSignature,
)
from tillbook.payouts.gateways.amounts import NotWritable, units
from tillbook.payouts.gateways.events import inner, money, object_of, read, text
from tillbook.payouts.gateways.wire import NoAnswer, call

_KEY, _REFUND = "tillbook_key", "tillbook_refund"  # in the refund's metadata
_EVENT = re.compile(r"(charge\.)?refund\.[a-z]+")  # created, updated, failed
_STATES = {"succeeded": State.SUCCEEDED, "failed": State.FAILED, "canceled": State.FAILED}
_REFUSED = (400, 402, 404)  # Stripe read the request and did nothing

# docs.stripe.com/currencies: what is charged in whole units; and in thousandths, of which the last is 0.
_WHOLE = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
_THOUSANDTHS = frozenset(("BHD", "JOD", "KWD", "OMR", "TND"))


def refund(account: Account, attempt: Attempt) -> Outcome:
    """Send it, under the attempt's key."""
    try:
        amount = _amount(attempt)
    except NotWritable as error:
        return Outcome(State.FAILED, reason=str(error))
    wanted: Any = {
        **_charge(attempt),
        "amount": amount,
        "metadata": {_KEY: attempt.key, _REFUND: attempt.refund},
    }
    try:
        made = _client(account).v1.refunds.create(wanted, {"idempotency_key": attempt.key})
    except stripe.StripeError as error:
        return _refused(account, attempt, error)
    return _told(made.to_dict())


def ask(account: Account, attempt: Attempt) -> Outcome:
    """Look for it among the charge's refunds; send it if it is none of them."""
    try:
        found = _found(account, attempt)
    except stripe.StripeError as error:
        return _unknown(error)
    return refund(account, attempt) if found is None else found


def read_event(account: Account, headers: Mapping[str, str], body: bytes) -> Outcome | None:
    """The outcome that an event about a refund of ours tells."""
    event = _signed(account, headers.get("stripe-signature", ""), body)
    if not _EVENT.fullmatch(str(event.get("type"))):
        return None
    about = inner(inner(event, "data"), "object")
    return read(about, _key_of(about), _of_refund)


def _told(about: Mapping[str, Any]) -> Outcome:
    """What a refund says that Stripe answers with: in the charge's currency, which nobody sends it."""
    try:
        return _of_refund(about)
    except Unreadable as error:
        return Outcome(State.UNKNOWN, reason=str(error))


def _of_refund(about: Mapping[str, Any]) -> Outcome:
    """What a refund says. Raises Unreadable."""
    text(about, "id")
    text(about, "status")
    currency = text(about, "currency")
    if not currency.islower():
        raise Unreadable("The currency is not written in small letters, as Stripe does.")
    paid = money(about.get("amount"), currency.upper(), _digits(currency.upper()))
    return replace(_outcome(about), paid=paid)


def _signed(account: Account, signature: str, body: bytes) -> Mapping[str, Any]:
    """The event, once its signature is Stripe's. Not by the SDK's reader, which trusts its shape."""
    try:
        stripe.WebhookSignature.verify_header(
            body, signature, account.webhook_secret, stripe.Webhook.DEFAULT_TOLERANCE
        )
        return object_of(body)
    # A header that is not ASCII can't be compared.
    except (ValueError, TypeError, stripe.SignatureVerificationError) as error:
        raise WrongSignature("The signature is not Stripe's, or it is of no event.") from error


def check(account: Account) -> None:
    """Ask for one refund: that is what the key must be allowed to do."""
    try:
        _client(account).v1.refunds.list({"limit": 1})
    except stripe.AuthenticationError as error:
        raise GatewayRefuses(_("Stripe does not know the secret key."), field="secret") from error
    except stripe.PermissionError as error:
        raise GatewayRefuses(_("Stripe lets this key see no refunds."), field="secret") from error
    except stripe.StripeError as error:
        raise GatewayRefuses(_("Stripe does not answer: %(why)s") % {"why": _why(error)}) from error


class _Wire(stripe.HTTPClient):
    """The SDK's requests, by our own wire: to public addresses, within so many seconds."""

    name = "tillbook"

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        body = (post_data or "").encode()
        sent = {"Host": url.split("/")[2], **(headers or {}), "Content-Length": str(len(body))}
        try:
            answer = call(method.upper(), url, sent, body)
        except NoAnswer as error:
            raise stripe.APIConnectionError(str(error)) from error  # type: ignore[no-untyped-call]
        return answer.body.decode(errors="replace"), answer.status, answer.headers

    def close(self) -> None:
        """Nothing stays open."""


def _client(account: Account) -> stripe.StripeClient:
    """It sends nothing again by itself: that is for who keeps what was sent."""
    return stripe.StripeClient(
        account.secret, base_addresses={"api": account.base}, max_network_retries=0, http_client=_Wire()
    )


def _charge(attempt: Attempt) -> dict[str, str]:
    return {"payment_intent" if attempt.charge.startswith("pi_") else "charge": attempt.charge}


def _amount(attempt: Attempt) -> int:
    currency = attempt.currency
    step = 10 if currency in _THOUSANDTHS else 1
    return units(attempt.minor, currency, _digits(currency), step=step)


def _digits(currency: str) -> int:
    if currency in _WHOLE:
        return 0
    return 3 if currency in _THOUSANDTHS else 2  # ISK and UGX too, for old times' sake


def _found(account: Account, attempt: Attempt) -> Outcome | None:
    asked: Any = {**_charge(attempt), "limit": 100}
    for each in _client(account).v1.refunds.list(asked).auto_paging_iter():
        if _key_of(each.to_dict()) == attempt.key:
            return _told(each.to_dict())
    return None


def _refused(account: Account, attempt: Attempt, error: stripe.StripeError) -> Outcome:
    """Of what Stripe refused nothing was paid, unless an earlier try took what the charge had."""
    if error.http_status not in _REFUSED or isinstance(error, stripe.IdempotencyError):
        return _unknown(error)
    try:
        found = _found(account, attempt)
    except stripe.StripeError as other:
        if other.http_status != 404:  # there is no such charge
            return _unknown(other)
        found = None
    return Outcome(State.FAILED, reason=_why(error)) if found is None else found


def _key_of(about: Mapping[str, Any]) -> str:
    kept = about.get("metadata") if about.get("object") == "refund" else None
    key = kept.get(_KEY) if isinstance(kept, dict) else None
    return key if isinstance(key, str) else ""


def _outcome(made: Mapping[str, Any]) -> Outcome:
    state = _STATES.get(str(made.get("status")), State.PENDING)
    why = made.get("failure_reason") if state is State.FAILED else ""
    return Outcome(state, str(made["id"]), why if isinstance(why, str) else "", _key_of(made))


def _unknown(error: stripe.StripeError) -> Outcome:
    return Outcome(State.UNKNOWN, reason=_why(error))


def _why(error: stripe.StripeError) -> str:
    return " ".join(str(error.user_message or type(error).__name__).split())[:500]
