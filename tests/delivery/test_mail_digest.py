"""Admins are told which refunds wait for their approval: new ones together, each once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.conftest import PASSWORD
from tests.delivery.mailbox import Mailbox, parsed
from tests.delivery.mailing import ADMIN, STAFF, Mailing, text, texts
from tillbook.common.actor import Actor, Role
from tillbook.common.mail_kinds import MailKind
from tillbook.credit.models import ReverseReason
from tillbook.delivery.mail_finding import TOGETHER
from tillbook.delivery.models import Mail
from tillbook.refunds import approvals, payees
from tillbook.refunds import services as refunds
from tillbook.refunds.payees import Payee
from tillbook.shop import policies
from tillbook.shop.services import save
from tillbook.staff import services as staff
from tillbook.staff.models import User

Approver = Callable[..., Actor]


@pytest.fixture
def approver(mailing: Mailing) -> Approver:
    def add(name: str, role: Role = Role.ADMIN, email: str | None = None) -> Actor:
        user = staff.add_user(
            username=name, role=role, password=PASSWORD, actor=Actor.system("test"), now=mailing.now
        )
        User.objects.filter(pk=user.pk).update(email=f"{name}@example.com" if email is None else email)
        return user.as_actor("test")

    return add


@pytest.fixture(autouse=True)
def rules(mailing: Mailing) -> None:
    """Whatever is above 5.00 needs the consent of two."""
    rule = {"approvals": 2, "above": "5", "older_than_days": None, "methods": [], "on_hold": False}
    save("approvals", {"approval_rules": [rule]}, seen=policies.version(), actor=ADMIN, now=mailing.now)
    mailing.switch(MailKind.APPROVAL_WAITING)


def later(mailing: Mailing) -> int:
    mailing.round()
    mailing.wait(TOGETHER)
    return mailing.round()


def test_what_comes_within_minutes_is_one_mail_for_each_admin(
    mailing: Mailing, mailbox: Mailbox, approver: Approver, settings
):
    settings.TILLBOOK_ADDRESS = "https://credit.example.com"
    for name in ("ann", "bob"):
        approver(name)
    customer = mailing.customer()
    mailing.give(customer, 10_000)
    asked = [mailing.ask(customer, 1_000 + each) for each in range(3)]
    assert mailing.round() == 0  # they are gathered
    assert later(mailing) == 2
    assert later(mailing) == 0
    assert sorted(each.rcpt_tos[0] for each in mailbox.envelopes) == ["ann@example.com", "bob@example.com"]
    for body in texts(mailbox):
        for refund in asked:
            assert body.count(f"{refund.number}: ") == 1
            assert f"https://credit.example.com/refunds/{refund.number}/" in body
        assert "55779911" not in body
    subject = parsed(bytes(mailbox.envelopes[0].content or b""))["Subject"]
    assert subject == "Tillbook shop: 3 refunds wait for approval"
    assert Mail.objects.filter(state="sent", customer=None).count() == 6  # a row for each, and it is kept


def test_a_later_refund_is_in_a_mail_of_its_own(mailing: Mailing, mailbox: Mailbox, approver: Approver):
    approver("ann")
    customer = mailing.customer()
    mailing.give(customer, 10_000)
    first = mailing.ask(customer)
    later(mailing)
    second = mailing.ask(customer)
    later(mailing)
    bodies = texts(mailbox)
    assert [first.number in body for body in bodies] == [True, False]
    assert [second.number in body for body in bodies] == [False, True]


def test_nobody_is_told_who_may_not_approve_or_asked_or_has_no_address(
    mailing: Mailing, mailbox: Mailbox, approver: Approver
):
    asks = approver("ann")
    approver("bob")
    approver("sam", Role.STAFF)
    approver("vic", Role.VIEWER)
    approver("eve", email="")
    off = approver("old")
    User.objects.filter(pk=off.user_id).update(is_active=False)
    customer = mailing.customer()
    mailing.give(customer)
    mailing.ask(customer, actor=asks)
    assert later(mailing) == 1
    assert mailbox.envelopes[0].rcpt_tos == ["bob@example.com"]


def test_below_the_rules_nothing_waits(mailing: Mailing, approver: Approver):
    approver("ann")
    customer = mailing.customer()
    mailing.give(customer)
    mailing.ask(customer, 500)
    assert later(mailing) == 0
    assert not Mail.objects.exists()


def test_what_was_declined_or_approved_by_them_meanwhile_is_left_out(
    mailing: Mailing, mailbox: Mailbox, approver: Approver
):
    ann = approver("ann")
    customer = mailing.customer()
    mailing.give(customer, 10_000)
    declined, approved, waits = (mailing.ask(customer) for _each in range(3))
    mailing.round()
    refunds.decline(declined.pk, reason="Twice", actor=ADMIN, now=mailing.now)
    approvals.approve(approved.pk, acknowledged=list(approvals.flags(approved)), actor=ann, now=mailing.now)
    mailing.wait(TOGETHER)
    assert mailing.round() == 1
    body = text(mailbox)
    assert waits.number in body and declined.number not in body and approved.number not in body
    assert sorted(Mail.objects.values_list("state", "why")) == [
        ("dropped", "over"), ("dropped", "over"), ("sent", ""),
    ]  # fmt: skip


def test_when_all_are_dealt_with_nothing_is_sent(mailing: Mailing, mailbox: Mailbox, approver: Approver):
    approver("ann")
    customer = mailing.customer()
    mailing.give(customer)
    refund = mailing.ask(customer)
    mailing.round()
    refunds.decline(refund.pk, reason="Twice", actor=ADMIN, now=mailing.now)
    assert later(mailing) == 0
    assert mailbox.envelopes == []


def test_a_changed_refund_asks_again(mailing: Mailing, mailbox: Mailbox, approver: Approver):
    approver("ann")
    customer = mailing.customer()
    mailing.give(customer)
    refund = mailing.ask(customer)
    later(mailing)
    payees.change(
        refund.pk, method="bank_transfer", payee=Payee(name="Jo Marsh", bank_account="20-00-00 11223344"),
        payment_date=refund.payment_date, note="", actor=STAFF, now=mailing.now,
    )  # fmt: skip
    assert later(mailing) == 1
    assert len(mailbox.envelopes) == 2


def test_a_reversal_waits_too(mailing: Mailing, mailbox: Mailbox, approver: Approver):
    approver("ann")
    customer = mailing.customer()
    given = mailing.give(customer)
    reversal = refunds.request_reversal(
        customer_id=customer.pk, credit_id=given.id, reason=ReverseReason.DUPLICATE, key="r", actor=STAFF,
        now=mailing.now,
    )  # fmt: skip
    assert later(mailing) == 1
    assert reversal.number in text(mailbox)


def test_each_reads_their_own_language(mailing: Mailing, mailbox: Mailbox, approver: Approver):
    approver("ann")
    User.objects.filter(username="ann").update(language="de")
    customer = mailing.customer()
    mailing.give(customer)
    mailing.ask(customer)
    later(mailing)
    assert "Diese Rückerstattung wartet auf Freigabe:" in text(mailbox)


def test_a_digest_that_is_refused_goes_later_with_what_came_since(
    mailing: Mailing, mailbox: Mailbox, approver: Approver
):
    approver("ann", email="ann@refused.example")
    customer = mailing.customer()
    mailing.give(customer, 10_000)
    first = mailing.ask(customer)
    assert later(mailing) == 0
    User.objects.update(email="ann@example.com")
    second = mailing.ask(customer)
    assert later(mailing) == 1
    assert first.number in text(mailbox) and second.number in text(mailbox)


def test_a_refund_that_waits_is_told_in_one_line_after_a_person_who_asked(
    mailing: Mailing, mailbox: Mailbox, approver: Approver
):
    approver("ann")
    customer = mailing.customer(last_name="Marsh\r\nRF-9999: £1.00")
    mailing.give(customer)
    refund = mailing.ask(customer)
    mailing.wait(timedelta())
    later(mailing)
    lines = text(mailbox).splitlines()
    assert f"{refund.number}: £10.00, Jo Marsh RF-9999: £1.00" in lines
    assert "Asked for by olivia on 2 March 2026" in lines
