"""Stripe and PayPal, spoken to by their adapters alone: what each answer means, and what is paid for it."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.payouts.paypal_server import CLIENT, WEBHOOK, PayPal, signed_by_paypal
from tests.payouts.paypal_server import SECRET as PAYPAL_SECRET
from tests.payouts.stripe_server import SECRET, Stripe
from tillbook.common.errors import InvalidInput
from tillbook.common.money import Money
from tillbook.common.targets import TargetRefused
from tillbook.payouts.gateways import paypal, stripe, wire
from tillbook.payouts.gateways.adapter import (
    Account,
    Attempt,
    GatewayRefuses,
    NotVerified,
    State,
    WrongSignature,
)
from tillbook.payouts.gateways.amounts import NotWritable, decimal, units
from tillbook.payouts.gateways.registry import GATEWAYS

pytestmark = pytest.mark.alike

WHSEC = "whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH"


def stripe_account(server: Stripe, secret: str = SECRET) -> Account:
    return Account("stripe", server.url, secret, webhook_secret=WHSEC)


def paypal_account(server: PayPal, secret: str = PAYPAL_SECRET) -> Account:
    return Account("paypal", server.url, secret, client_id=CLIENT, webhook_secret=WEBHOOK)


def attempt(charge: str, minor: int = 12_34, **more: object) -> Attempt:
    asked = {"key": "RF-1042-9f86d081884c7d65", "refund": "RF-1042", "currency": "GBP"}
    return Attempt(**{**asked, "charge": charge, "minor": minor, **more})


# Stripe


@pytest.mark.parametrize("place", [0, 1], ids=["payment intent", "charge"])
def test_stripe_refunds_by_charge_and_by_payment_intent(stripe_server: Stripe, place: int):
    sent = attempt(stripe_server.pay()[place])
    outcome = stripe.refund(stripe_account(stripe_server), sent)
    (paid,) = stripe_server.refunds()
    assert (outcome.state, outcome.reference, outcome.key) == (State.SUCCEEDED, paid["id"], sent.key)
    assert (paid["amount"], paid["currency"]) == (1234, "gbp")
    assert paid["metadata"] == {"tillbook_key": sent.key, "tillbook_refund": "RF-1042"}
    assert stripe_server.sent == [sent.key]


@pytest.mark.parametrize(
    "how", ["late", "cut before", "cut after", "500", "500 after", "silent", "401", "429"]
)
@pytest.mark.parametrize("keys_kept", [True, False], ids=["within a day", "after it"])
def test_what_stripe_did_not_answer_is_unknown_and_asking_pays_it_once(
    stripe_server: Stripe, how: str, keys_kept: bool
):
    account, sent = stripe_account(stripe_server), attempt(stripe_server.pay()[0])
    stripe_server.next = [how]
    outcome = stripe.refund(account, sent)
    assert outcome.state is State.UNKNOWN and outcome.reason
    if not keys_kept:
        stripe_server.known.clear()
    asked = stripe.ask(account, sent)
    assert asked.state is State.SUCCEEDED
    assert [each["id"] for each in stripe_server.refunds()] == [asked.reference]
    assert stripe.ask(account, sent) == asked
    assert len(stripe_server.refunds()) == 1


def test_a_request_that_reaches_stripe_after_we_asked_pays_nothing_more(stripe_server: Stripe):
    account, sent = stripe_account(stripe_server), attempt(stripe_server.pay()[0])
    stripe_server.next = ["passed on late"]
    assert stripe.refund(account, sent).state is State.UNKNOWN
    asked = stripe.ask(account, sent)
    stripe_server.passed.clear()
    stripe_server.hold.set()
    assert stripe_server.passed.wait(10)
    assert [each["id"] for each in stripe_server.refunds()] == [asked.reference]


def test_a_network_that_repeats_the_request_pays_once(stripe_server: Stripe):
    stripe_server.next = ["twice"]
    sent = attempt(stripe_server.pay()[0])
    assert stripe.refund(stripe_account(stripe_server), sent).state is State.SUCCEEDED
    assert len(stripe_server.refunds()) == 1


def test_what_stripe_refuses_has_failed_with_its_reason(stripe_server: Stripe):
    account = stripe_account(stripe_server)
    stripe_server.next = ["402"]
    refused = stripe.refund(account, attempt(stripe_server.pay()[0]))
    assert (refused.state, refused.reason) == (State.FAILED, "Your balance is too low.")
    assert stripe.refund(account, attempt("ch_nobodys")).state is State.FAILED
    assert stripe_server.refunds() == []


def test_a_refusal_of_what_was_paid_before_is_not_believed(stripe_server: Stripe):
    """Once its key is forgotten, Stripe would say that the charge has no more to give."""
    account, sent = stripe_account(stripe_server), attempt(stripe_server.pay()[0])
    first = stripe.refund(account, sent)
    stripe_server.next = ["402"]
    assert stripe.refund(account, sent) == first


def test_other_refunds_of_the_charge_are_not_taken_for_it(stripe_server: Stripe):
    account, (_, charge) = stripe_account(stripe_server), stripe_server.pay()
    stripe_server.ask("POST", "/v1/refunds", charge=charge, amount=1234)
    stripe.refund(account, attempt(charge, key="RF-1043-other"))
    mine = stripe.ask(account, attempt(charge))
    assert len(stripe_server.refunds()) == 3
    assert (
        mine.reference == stripe_server.known["RF-1042-9f86d081884c7d65"][1].decode().split('"id": "')[1][:17]
    )


def signed(body: bytes, secret: str = WHSEC, at: int | None = None) -> dict[str, str]:
    at = int(time.time()) if at is None else at
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"stripe-signature": f"t={at},v1={digest}"}


def stripe_event(kind: str = "refund.updated", **about: object) -> bytes:
    refund = {
        "id": "re_1", "object": "refund", "status": "succeeded", "amount": 12_34, "currency": "gbp",
        "metadata": {"tillbook_key": "RF-1-a"},
    }  # fmt: skip
    return json.dumps(
        {"id": "evt_1", "object": "event", "type": kind, "data": {"object": refund | about}}
    ).encode()


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("pending", State.PENDING),
        ("requires_action", State.PENDING),
        ("succeeded", State.SUCCEEDED),
        ("failed", State.FAILED),
        ("canceled", State.FAILED),
        ("a_word_of_next_year", State.PENDING),
    ],
)
def test_a_signed_event_tells_the_outcome(told: str, state: State):
    account = Account("stripe", "https://api.stripe.com", SECRET, webhook_secret=WHSEC)
    body = stripe_event(status=told, failure_reason="expired_or_canceled_card")
    outcome = stripe.read_event(account, signed(body), body)
    assert outcome is not None
    assert (outcome.state, outcome.reference, outcome.key) == (state, "re_1", "RF-1-a")
    assert outcome.paid == Money(12_34, "GBP")
    assert outcome.reason == ("expired_or_canceled_card" if state is State.FAILED else "")


def test_events_about_other_things_tell_nothing():
    account = Account("stripe", "https://api.stripe.com", SECRET, webhook_secret=WHSEC)
    for body in (
        stripe_event("charge.refunded"),
        stripe_event(object="charge"),
        stripe_event(metadata={}),
        stripe_event(metadata=None),
    ):
        assert stripe.read_event(account, signed(body), body) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"stripe-signature": ""},
        {"stripe-signature": "t=1,v1=00"},
        {"stripe-signature": "nonsense"},
        {"stripe-signature": f"t={int(time.time())},v1=\u00e9"},
        {"stripe-signature": f"t={'9' * 5_000},v1=00"},
        signed(stripe_event(), "whsec_other"),
        signed(stripe_event(), at=int(time.time()) - 3600),
        signed(stripe_event(status="failed")),
    ],
)
def test_an_event_that_stripe_did_not_sign_is_refused(headers: dict[str, str]):
    account = Account("stripe", "https://api.stripe.com", SECRET, webhook_secret=WHSEC)
    with pytest.raises(WrongSignature):
        stripe.read_event(account, headers, stripe_event())


def test_without_a_signing_secret_no_event_is_believed():
    account = Account("stripe", "https://api.stripe.com", SECRET)
    with pytest.raises(WrongSignature):
        stripe.read_event(account, signed(stripe_event(), ""), stripe_event())


def test_stripes_key_is_checked(stripe_server: Stripe):
    stripe.check(stripe_account(stripe_server))
    with pytest.raises(GatewayRefuses, match="does not know"):
        stripe.check(stripe_account(stripe_server, "pk_no_secret"))
    with pytest.raises(GatewayRefuses, match="does not answer"):
        stripe.check(Account("stripe", "http://127.0.0.1:1", SECRET))


# PayPal


def test_paypal_refunds_a_capture(paypal_server: PayPal):
    sent = attempt("2GG279541U471931P")
    outcome = paypal.refund(paypal_account(paypal_server), sent)
    (paid,) = paypal_server.refunds.values()
    assert (outcome.state, outcome.reference, outcome.key) == (State.SUCCEEDED, paid["id"], sent.key)
    assert paid["amount"] == {"value": "12.34", "currency_code": "GBP"}


@pytest.mark.parametrize("how", ["late", "cut before", "cut after", "503"])
def test_what_paypal_did_not_answer_is_unknown_and_asking_pays_it_once(paypal_server: PayPal, how: str):
    account, sent = paypal_account(paypal_server), attempt("2GG279541U471931P")
    paypal_server.next = [how]
    outcome = paypal.refund(account, sent)
    assert outcome.state is State.UNKNOWN and outcome.reason
    asked = paypal.ask(account, sent)
    assert asked.state is State.SUCCEEDED
    assert list(paypal_server.refunds) == [asked.reference]
    assert paypal.ask(account, sent) == asked
    assert len(paypal_server.refunds) == 1


def test_what_paypal_has_forgotten_is_not_sent_again(paypal_server: PayPal):
    old = attempt("2GG279541U471931P", age=timedelta(days=41))
    outcome = paypal.ask(paypal_account(paypal_server), old)
    assert outcome.state is State.UNKNOWN and old.key in outcome.reason
    assert not paypal_server.refunds


def test_a_pending_refund_is_asked_for_by_its_id(paypal_server: PayPal):
    account, sent = paypal_account(paypal_server), attempt("2GG279541U471931P")
    paypal_server.status = "PENDING"
    first = paypal.refund(account, sent)
    assert first.state is State.PENDING
    known = attempt("2GG279541U471931P", reference=first.reference, age=timedelta(days=60))
    assert paypal.ask(account, known).state is State.PENDING
    paypal_server.refunds[first.reference] |= {"status": "FAILED", "status_details": {"reason": "ECHECK"}}
    failed = paypal.ask(account, known)
    assert (failed.state, failed.reason) == (State.FAILED, "ECHECK")
    assert paypal.ask(account, attempt("2GG279541U471931P", reference="GONE")).state is State.UNKNOWN


def test_what_paypal_refuses_has_failed_with_its_reason(paypal_server: PayPal):
    account = paypal_account(paypal_server)
    paypal_server.next = ["422"]
    refused = paypal.refund(account, attempt("2GG279541U471931P"))
    assert refused.state is State.FAILED
    assert refused.reason == "HTTP 422 CAPTURE_FULLY_REFUNDED The capture has already been fully refunded"
    assert paypal.refund(account, attempt("NOBODYS")).state is State.FAILED
    assert paypal.refund(account, attempt("2GG279541U471931P", currency="EUR")).state is State.FAILED
    assert not paypal_server.refunds


def test_a_capture_with_nothing_left_says_nothing_of_a_request_that_may_have_taken_it(
    paypal_server: PayPal,
):
    """Of the first request it is an answer; of one sent again by another app it may be the first one's doing."""
    account = paypal_account(paypal_server)
    paypal_server.next = ["cut after", "422", "422"]
    assert paypal.refund(account, attempt("2GG279541U471931P")).state is State.UNKNOWN
    again = paypal.ask(account, attempt("2GG279541U471931P"))
    assert again.state is State.UNKNOWN and "CAPTURE_FULLY_REFUNDED" in again.reason
    assert paypal.refund(account, attempt("2GG279541U471931P")).state is State.FAILED


def test_secrets_of_another_account_say_nothing_of_what_the_first_did(
    paypal_server: PayPal, stripe_server: Stripe
):
    """There the charge is not known; the first account may have paid it."""
    assert paypal.ask(paypal_account(paypal_server), attempt("NOBODYS")).state is State.UNKNOWN
    assert stripe.ask(stripe_account(stripe_server), attempt("ch_nobodys")).state is State.UNKNOWN
    assert stripe_server.sent == [] and not paypal_server.refunds


def test_paypals_credentials_are_checked(paypal_server: PayPal):
    paypal.check(paypal_account(paypal_server))
    wrong = paypal_account(paypal_server, "wrong")
    with pytest.raises(GatewayRefuses, match="invalid_client"):
        paypal.check(wrong)
    assert paypal.refund(wrong, attempt("2GG279541U471931P")).state is State.UNKNOWN
    assert paypal.ask(wrong, attempt("2GG279541U471931P")).state is State.UNKNOWN


def test_an_event_counts_once_paypal_says_that_it_sent_it(paypal_server: PayPal):
    account = paypal_account(paypal_server)
    told = paypal.refund(account, attempt("2GG279541U471931P"))
    body = paypal_server.event(told.reference)
    signature = signed_by_paypal(body)
    assert paypal.read_event(account, signature, body) == replace(told, paid=Money(12_34, "GBP"))
    for wrong in ({}, signature | {"paypal-transmission-sig": "forged"}):
        with pytest.raises(WrongSignature):
            paypal.read_event(account, wrong, body)
    for nonsense in (b"", b"[]", b"{}", b"\xff", b'{"resource_type": "refund"}', b"[" * 100_000):
        with pytest.raises(WrongSignature):
            paypal.read_event(account, signature, nonsense)


@pytest.mark.parametrize("how", ["cut", "200", "401", "429", "500", "503"])
def test_an_event_of_which_paypal_says_nothing_is_neither_true_nor_false(paypal_server: PayPal, how: str):
    account = paypal_account(paypal_server)
    told = paypal.refund(account, attempt("2GG279541U471931P"))
    body = paypal_server.event(told.reference)
    paypal_server.verifying = [how]
    with pytest.raises(NotVerified, match="PayPal does not say whether it sent this"):
        paypal.read_event(account, signed_by_paypal(body), body)
    with pytest.raises(NotVerified, match="Client Authentication failed"):
        paypal.read_event(paypal_account(paypal_server, "wrong"), signed_by_paypal(body), body)
    paypal_server.verifying = ["400"]  # it was asked, and takes it for no event of its own
    with pytest.raises(WrongSignature):
        paypal.read_event(account, signed_by_paypal(body), body)
    assert paypal.read_event(account, signed_by_paypal(body), body) is not None


def test_another_body_under_the_headers_of_a_true_event_is_refused(paypal_server: PayPal):
    account = paypal_account(paypal_server)
    told = paypal.refund(account, attempt("2GG279541U471931P"))
    body = paypal_server.event(told.reference)
    for forged in (
        body.replace(b"12.34", b"12.35"),
        body.replace(b"COMPLETED", b"CANCELLED"),
        b"{ " + body[1:],
    ):
        assert forged != body
        with pytest.raises(WrongSignature):
            paypal.read_event(account, signed_by_paypal(body), forged)


@pytest.mark.parametrize("separators", [(",", ":"), (" ,\n\t", "  :\r\n ")])
def test_an_event_goes_back_to_paypal_as_the_very_bytes_that_came(paypal_server: PayPal, separators):
    """Written anew it would have another checksum: blanks, escapes and the order are PayPal's own."""
    account = paypal_account(paypal_server)
    paypal_server.captures["YEN"] = {"value": "5000", "currency_code": "JPY"}
    told = paypal.refund(account, attempt("YEN", 1_234, currency="JPY"))
    event = json.loads(paypal_server.event(told.reference)) | {"summary": "Zo\xeb"}
    body = json.dumps(event, separators=separators).replace('"1.0"', '"1\\u002e0"').encode()
    assert b"Zo\\u00eb" in body
    found = paypal.read_event(account, signed_by_paypal(body), body)
    assert found == replace(told, paid=Money(1_234, "JPY"))


# Amounts, addresses, secrets


@pytest.mark.parametrize(
    ("minor", "currency", "written"),
    [
        (12_34, "AUD", 1234),
        (500, "JPY", 500),
        (5_120, "KWD", 5120),
        (500, "UGX", 50_000),
        (7, "ISK", 700),
        (5_00, "MGA", 5),
    ],
)
def test_stripe_counts_some_currencies_its_own_way(minor: int, currency: str, written: int):
    assert stripe._amount(attempt("ch_1", minor, currency=currency)) == written


@pytest.mark.parametrize(
    ("written", "currency", "minor"),
    [(1234, "aud", 12_34), (500, "jpy", 500), (5120, "kwd", 5_120), (50_000, "ugx", 500), (5, "mga", 5_00)],
)
def test_what_stripe_counts_its_own_way_is_read_as_it_was_written(written: int, currency: str, minor: int):
    account = Account("stripe", "https://api.stripe.com", SECRET, webhook_secret=WHSEC)
    body = stripe_event(amount=written, currency=currency)
    outcome = stripe.read_event(account, signed(body), body)
    assert outcome is not None and outcome.paid == Money(minor, currency.upper())


@pytest.mark.parametrize(("minor", "currency"), [(5_125, "KWD"), (5_01, "MGA")])
def test_an_amount_that_stripe_can_not_write_fails_unsent(stripe_server: Stripe, minor: int, currency: str):
    outcome = stripe.refund(stripe_account(stripe_server), attempt("ch_1", minor, currency=currency))
    assert outcome.state is State.FAILED and currency in outcome.reason
    assert stripe_server.sent == []


def test_decimals_are_written_whole():
    assert decimal(5, "AUD", 2) == "0.05"
    assert decimal(123_00, "HUF", 0) == "123"
    assert decimal(10**15, "GBP", 2) == "10000000000000.00"
    assert decimal(7, "JPY", 0) == "7"
    for wrong in ((123_45, "HUF", 0), (1_234, "KWD", 2)):
        with pytest.raises(NotWritable):
            decimal(*wrong)
    with pytest.raises(NotWritable):
        units(5_125, "KWD", 3, step=10)


@pytest.mark.parametrize(
    ("base", "refusal"),
    [
        ("http://api.stripe.com", InvalidInput),
        ("https://127.0.0.1", TargetRefused),
        ("https://169.254.169.254", TargetRefused),
        ("https://[::1]:8420", TargetRefused),
        ("https://api.stripe.com/v1", InvalidInput),
        ("https://ann:secret@api.stripe.com", InvalidInput),
        ("https://api.stripe.com?x=1", InvalidInput),
        ("api.stripe.com", InvalidInput),
        ("https://", InvalidInput),
        ("https://a" + "b" * 200, InvalidInput),
        ("https://api.stripe.com:99999", InvalidInput),
        ("ftp://api.stripe.com", InvalidInput),
    ],
)
def test_a_gateway_is_reached_at_public_addresses_by_https(base: str, refusal: type[Exception], settings):
    settings.TILLBOOK_GATEWAY_PRIVATE_TARGETS = False
    with pytest.raises(refusal):
        wire.check_base(base)
    assert wire.check_base("https://api.stripe.com/") == "https://api.stripe.com"


def test_a_name_that_leads_inside_is_not_followed(paypal_server: PayPal, settings):
    settings.TILLBOOK_GATEWAY_PRIVATE_TARGETS = False
    outcome = paypal.refund(paypal_account(paypal_server), attempt("2GG279541U471931P"))
    assert outcome.state is State.UNKNOWN and "no public address" in outcome.reason
    assert not paypal_server.refunds


def test_no_repr_shows_a_secret():
    shown = repr(Account("stripe", "https://api.stripe.com", "sk_1", client_id="id_1", webhook_secret="wh_1"))
    assert shown == "Account(gateway='stripe', base='https://api.stripe.com')"


def test_each_gateway_has_its_four_functions():
    for gateway in GATEWAYS.values():
        for name in ("refund", "ask", "read_event", "check"):
            assert callable(getattr(gateway.adapter, name))
