"""An admin sets up Stripe, sends refunds through it, and sees what became of each."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.payouts.gate import Gate, states
from tests.payouts.stripe_server import SECRET, Stripe
from tests.payouts.test_adapters import WHSEC
from tillbook.orders.charges import NO_CHARGE
from tillbook.payouts.models import GatewayAccount, Sending
from tillbook.refunds.approvals import version_of
from tillbook.refunds.models import Refund

pytestmark = pytest.mark.django_db

PAGE = "/settings/gateways/stripe/"


@pytest.fixture
def gate(staff_actor, admin_actor, now, stripe_server: Stripe) -> Gate:
    gate = Gate(staff_actor, admin_actor, now)
    gate.use_stripe(stripe_server)
    return gate


@pytest.fixture
def refund(gate: Gate, stripe_server: Stripe) -> Refund:
    return gate.refund(stripe_server.pay()[0])


def said(answer) -> str:
    return answer.content.decode()


def test_an_account_is_set_up_tested_and_forgotten(as_admin: Client, stripe_server: Stripe):
    assert "Not set up" in said(as_admin.get("/settings/gateways/"))
    assert "Test it" not in said(as_admin.get(PAGE))
    assert "http://testserver/gateways/stripe/events" in said(as_admin.get(PAGE))
    values = {"secret": SECRET, "webhook_secret": WHSEC, "api_base": stripe_server.url}
    page = said(as_admin.post(PAGE, values, follow=True))
    assert "is saved" in page and SECRET not in page and WHSEC not in page
    assert "Stripe takes the secrets" in said(as_admin.post(PAGE + "check/", follow=True))
    as_admin.post(PAGE, {"secret": "pk_wrong", "api_base": stripe_server.url})
    account = GatewayAccount.objects.get()
    assert (account.secret, account.webhook_secret) == ("pk_wrong", WHSEC)
    assert "does not know the secret key" in said(as_admin.post(PAGE + "check/", follow=True))
    assert "is forgotten" in said(as_admin.post(PAGE + "remove/", follow=True))
    assert not GatewayAccount.objects.exists()
    assert "Account at a gateway forgotten" in said(as_admin.get("/activity/?about=all"))


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"secret": ""}, "Enter the secret key"),
        ({"secret": "sk 1"}, "without spaces"),
        ({"secret": "sk_1", "api_base": "ftp://x"}, "https and a host alone"),
        ({"secret": "sk_1", "api_base": "https://127.0.0.1"}, "no public address"),
    ],
)
def test_a_wrong_value_is_told_at_its_field(as_admin: Client, settings, values: dict, wrong: str):
    settings.TILLBOOK_GATEWAY_PRIVATE_TARGETS = False
    answer = as_admin.post(PAGE, values)
    assert answer.status_code == 422
    assert wrong in said(answer)
    assert not GatewayAccount.objects.exists()


def test_there_is_no_page_of_an_unknown_gateway(as_admin: Client):
    assert as_admin.get("/settings/gateways/square/").status_code == 404
    assert as_admin.post("/settings/gateways/square/check/").status_code == 404


def test_staff_see_no_settings_and_no_button(as_staff: Client, refund: Refund):
    assert as_staff.get("/settings/gateways/").status_code == 403
    assert as_staff.get(PAGE).status_code == 403
    assert as_staff.post(PAGE, {"secret": "sk_2"}).status_code == 403
    assert "Send through" not in said(as_staff.get(f"/refunds/{refund.number}/"))
    assert "Send through" not in said(as_staff.get("/refunds/"))
    assert GatewayAccount.objects.get().secret == SECRET


def test_a_refund_is_sent_from_its_page(as_admin: Client, refund: Refund, stripe_server: Stripe):
    page = f"/refunds/{refund.number}/"
    assert "Send through Stripe" in said(as_admin.get(page))
    assert f"Stripe has paid {refund.number}" in said(as_admin.post(page + "pay/", follow=True))
    told = said(as_admin.get(page))
    assert "Stripe paid it" in told and stripe_server.refunds()[0]["id"] in told
    assert "already completed" in said(as_admin.post(page + "pay/", follow=True))
    assert len(stripe_server.refunds()) == 1


def test_without_an_account_there_is_no_button(as_admin: Client, refund: Refund):
    GatewayAccount.objects.all().delete()
    assert "Send through" not in said(as_admin.get(f"/refunds/{refund.number}/"))
    assert as_admin.post(f"/refunds/{refund.number}/pay/").status_code == 404
    assert not Sending.objects.exists()


def test_what_has_no_answer_is_shown_locked_and_asked_about(
    as_admin: Client, refund: Refund, stripe_server: Stripe
):
    page = f"/refunds/{refund.number}/"
    stripe_server.next = ["500 after"]
    assert "has not said yet" in said(as_admin.post(page + "pay/", follow=True))
    told = said(as_admin.get(page))
    assert "Nobody knows yet whether Stripe has paid" in told and "Something went wrong." in told
    for gone in ("Mark as Paid and Complete", "Decline", "Redirect", "It came back", "Send through"):
        assert gone not in told
    assert "Stripe: No answer yet" in said(as_admin.get("/refunds/"))
    assert '<span class="badge waiting">No answer yet</span></h1>' in told
    for verb, values in {"complete": {}, "decline": {"reason": "x"}, "fail": {"fail_reason": "x"}}.items():
        assert "may be paid already" in said(as_admin.post(f"{page}{verb}/", values, follow=True))
    assert states(refund) == ("requested", "unknown")
    assert "Stripe has paid" in said(as_admin.post(page + "ask/", follow=True))
    assert states(refund) == ("completed", "succeeded")
    assert len(stripe_server.refunds()) == 1


def test_what_the_gateway_has_taken_is_under_way_until_it_has_paid(
    as_admin: Client, gate: Gate, refund: Refund, stripe_server: Stripe
):
    page = f"/refunds/{refund.number}/"
    stripe_server.next = ["500"]
    as_admin.post(page + "pay/")
    gate.hear(refund, "pending")
    assert "Stripe: Under way" in said(as_admin.get("/refunds/"))
    assert '<span class="badge waiting">Under way</span></h1>' in said(as_admin.get(page))
    gate.hear(refund, "succeeded")
    assert "Under way" not in said(as_admin.get("/refunds/?status=all")) + said(as_admin.get(page))


def test_the_queue_reads_what_gateways_say_of_all_its_rows_at_once(
    as_admin: Client, gate: Gate, stripe_server: Stripe
):
    def queries(rows: int) -> int:
        with CaptureQueriesContext(connection) as asked:
            assert said(as_admin.get("/refunds/")).count("Stripe: No answer yet") == rows
        return len(asked)

    stripe_server.next = ["500"] * 3
    gate.send(gate.refund(stripe_server.pay()[0]))
    queries(1)  # what is read once and kept
    of_one = queries(1)
    for _ in range(2):
        gate.send(gate.refund(stripe_server.pay()[0]))
    assert queries(3) == of_one


def test_a_month_without_an_answer_is_ended_by_hand(
    as_admin: Client, as_staff: Client, refund: Refund, stripe_server: Stripe
):
    page = f"/refunds/{refund.number}/"
    stripe_server.next = ["silent"]
    as_admin.post(page + "pay/")
    assert "End it by hand" not in said(as_admin.get(page))
    values = {"paid": "yes", "reason": "In the list of 3 March"}
    assert "may still answer" in said(as_admin.post(page + "end/", values, follow=True))
    Sending.objects.update(sent_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert "End it by hand" in said(as_admin.get(page))
    assert "End it by hand" not in said(as_staff.get(page))
    nothing = as_admin.post(page + "end/", {"paid": "", "reason": ""})
    assert nothing.status_code == 422
    assert "Say what you saw there." in said(nothing)
    half = as_admin.post(page + "end/", {"paid": "", "reason": "In the list"})
    assert "Choose what the gateway" in said(half)
    assert half.context["end_form"]["reason"].value() == "In the list"
    assert states(refund) == ("requested", "unknown")
    assert "has ended as you saw it" in said(as_admin.post(page + "end/", values, follow=True))
    assert states(refund) == ("completed", "succeeded")
    assert "In the list of 3 March" in said(as_admin.get(page))


def test_what_is_refused_says_why(as_admin: Client, refund: Refund, stripe_server: Stripe):
    stripe_server.next = ["402"]
    page = f"/refunds/{refund.number}/"
    assert "Its amount is credit again" in said(as_admin.post(page + "pay/", follow=True))
    assert "Stripe: Your balance is too low." in said(as_admin.get(page))


def test_a_selection_is_sent_and_a_refusal_stops_only_its_own(
    as_admin: Client, gate: Gate, refund: Refund, stripe_server: Stripe
):
    second, third = [gate.refund(stripe_server.pay()[0], 5_00) for _ in range(2)]
    cash = gate.refund(stripe_server.pay()[0], 5_00, method="cash", charge=NO_CHARGE)
    stripe_server.next = ["pass", "late", "pass"]
    ids = [each.pk for each in (refund, second, third, cash)]
    page = said(as_admin.post("/refunds/pay/", {"selected": ids}))
    assert "2 of 4 paid through the gateway" in page
    assert "No answer yet" in page and "asked about by itself" in page
    assert "does not go back through a gateway" in page
    assert [states(each)[1] for each in (refund, second, third)] == ["succeeded", "unknown", "succeeded"]
    assert not Sending.objects.filter(refund=cash).exists()
    again = said(as_admin.post("/refunds/pay/", {"selected": ids}))
    assert "0 of 4 paid through the gateway" in again
    assert len(stripe_server.refunds()) == 3
    assert as_admin.post("/refunds/pay/", {}).status_code == 302


def test_what_is_not_as_the_page_showed_it_is_not_sent(
    as_admin: Client, refund: Refund, stripe_server: Stripe
):
    said_no = "was changed since you opened it"
    assert said_no in said(as_admin.post(f"/refunds/{refund.number}/pay/", {"seen": "x"}, follow=True))
    assert said_no in said(as_admin.post("/refunds/pay/", {"selected": f"{refund.pk} x"}))
    assert stripe_server.sent == []
    as_admin.post("/refunds/pay/", {"selected": f"{refund.pk} {version_of(refund)}"})
    assert states(refund) == ("completed", "succeeded")
