"""Who is mailed of which event: each kind, its words, and what leads to no mail."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from tests.delivery.mailbox import Mailbox
from tests.delivery.mailing import ADMIN, STAFF, Mailing, text, texts
from tests.orders.till import Till, gbp, line
from tillbook.common.actor import Actor
from tillbook.common.errors import PermissionDenied
from tillbook.common.mail_kinds import MailKind
from tillbook.credit import services as credit
from tillbook.credit.expiring import announce_ending
from tillbook.credit.issuing import Issue, issue_many
from tillbook.credit.models import Credit, Source
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.delivery.mail_finding import find
from tillbook.delivery.mails import NothingToShow, preview
from tillbook.delivery.models import Mail
from tillbook.events.models import Event
from tillbook.ledger.models import House
from tillbook.refunds import asks
from tillbook.refunds import services as refunds
from tillbook.refunds.unclaimed import cancel
from tillbook.shop.policies import version
from tillbook.shop.services import save


def test_credit_is_told_with_amount_note_and_last_day(mailing: Mailing, mailbox: Mailbox):
    mailing.switch(MailKind.CREDIT_ISSUED)
    ends = mailing.now + timedelta(days=90)
    given = mailing.give(mailing.customer(), public_note="Sorry for the broken cup.", expires_at=ends)
    assert mailing.round() == 1
    message = mailbox.only_message()
    assert message["To"] == "jo@example.com"
    assert message["Subject"] == "You have £25.50 of credit with Tillbook shop"
    body = text(mailbox)
    assert "Dear Jo Marsh," in body and "£25.50" in body and given.number in body
    assert "Sorry for the broken cup." in body
    assert "It can be used until 31 May 2026." in body
    assert "{" not in body and "\n\n\n" not in body


def test_a_line_with_nothing_to_say_is_left_out(mailing: Mailing, mailbox: Mailbox):
    mailing.switch(MailKind.CREDIT_ISSUED)
    mailing.give(mailing.customer())
    mailing.round()
    assert "It can be used until" not in text(mailbox)
    assert "at any time:" not in text(mailbox)  # there is no page of their own


def test_an_overpayment_and_a_return_say_where_the_credit_comes_from(
    mailing: Mailing, mailbox: Mailbox, staff_actor: Actor
):
    mailing.switch(MailKind.CREDIT_ISSUED)
    till = Till(staff_actor, mailing.now)
    Customer.objects.filter(pk=till.customer.pk).update(email="jo@example.com")
    order = till.place(line(2_000))
    till.pay(order, 2_500)
    assert mailing.round() == 1
    assert f"It is what you paid beyond the total of order {order.number}." in text(mailbox)


def test_a_refund_is_told_from_request_to_payment(mailing: Mailing, mailbox: Mailbox):
    mailing.switch(MailKind.REFUND_REQUESTED, MailKind.REFUND_PAID)
    customer = mailing.customer()
    mailing.give(customer)
    refund = mailing.ask(customer)
    mailing.round()
    refunds.complete(refund.pk, actor=ADMIN, now=mailing.now)
    mailing.round()
    asked, paid = texts(mailbox)
    assert "Your refund of £10.00 is recorded" in asked and "•••••••••••911" in asked
    assert "We paid your refund of £10.00 on 2 March 2026" in paid
    assert "55779911" not in asked + paid


def test_a_failed_refund_is_credit_again_and_tells_so_once(mailing: Mailing, mailbox: Mailbox):
    mailing.switch(MailKind.CREDIT_ISSUED, MailKind.REFUND_FAILED)
    customer = mailing.customer()
    mailing.give(customer)
    refund = mailing.ask(customer)
    refunds.complete(refund.pk, actor=ADMIN, now=mailing.now)
    refunds.fail(refund.pk, reason="Account closed", actor=ADMIN, now=mailing.now)
    mailing.round()
    assert [mail.kind for mail in Mail.objects.order_by("pk")] == ["credit_issued", "refund_failed"]
    failed = texts(mailbox)[1]
    assert "the payment did not arrive" in failed and "credit in your account again" in failed
    assert "Account closed" not in failed  # that is for staff


def _offering(mailing: Mailing) -> Customer:
    """A customer with 25.50, who may ask for it by bank transfer."""
    values = {"own_page": True, "own_page_methods": ["bank_transfer"]}
    save("own_page", values, seen=version(), actor=ADMIN, now=mailing.now)
    customer = mailing.customer()
    mailing.give(customer)
    return customer


def test_who_is_declined_is_told_why_once_and_in_the_words_of_staff(mailing: Mailing, mailbox: Mailbox):
    customer = _offering(mailing)
    mailing.switch(MailKind.ASK_DECLINED)
    made = mailing.wish(customer)
    assert mailing.round() == 0
    for _each in range(2):
        asks.decline(made.pk, reason="Not your account.\nUse {your} own.", actor=STAFF, now=mailing.now)
    mailing.wish(customer, 500)  # asking anew takes nothing from it
    assert mailing.round() == 1 and mailing.round() == 0
    message = mailbox.only_message()
    assert (message["To"], message["Subject"]) == (
        "jo@example.com",
        f"Your request {made.number} is declined",
    )
    assert "List-Unsubscribe" not in message
    body = text(mailbox)
    assert "You asked us to pay out £10.00 of your credit." in body
    assert "Not your account. Use {your} own." in body
    assert "still credit in your account" in body and "olivia" not in body
    mail = mailing.only()
    assert (mail.kind, mail.about, mail.state) == ("ask_declined", made.number, "sent")


def test_a_request_that_is_accepted_or_taken_back_is_not_declined(mailing: Mailing, mailbox: Mailbox):
    customer = _offering(mailing)
    mailing.switch(MailKind.ASK_DECLINED)
    asks.accept(mailing.wish(customer).pk, actor=STAFF, now=mailing.now)
    asks.withdraw(mailing.wish(customer).pk, actor=Actor.customer(customer.pk, "own page"), now=mailing.now)
    assert mailing.round() == 0
    assert not Mail.objects.exists()


def test_no_request_is_told_of_where_the_shop_sends_no_such_mails(mailing: Mailing, mailbox: Mailbox):
    customer = _offering(mailing)
    mailing.switch(*(kind for kind in MailKind if kind != MailKind.ASK_DECLINED))
    asks.decline(mailing.wish(customer).pk, reason="No", actor=STAFF, now=mailing.now)
    assert mailing.round() == 0
    assert mailbox.envelopes == []


def test_what_was_declined_is_shown_as_it_would_be_mailed(mailing: Mailing, mailbox: Mailbox):
    customer = _offering(mailing)
    by = {"actor": ADMIN, "now": mailing.now}
    mailing.write(MailKind.ASK_DECLINED, "{number}", "{customer}: {note} ({method}, {account}, {amount})")
    example = preview("ask_declined", **by)
    assert example.subject == "ASK-1042"
    assert "The account is not in your name." in example.body
    with pytest.raises(NothingToShow):
        preview("ask_declined", customer=customer, **by)
    made = mailing.wish(customer)
    asks.decline(made.pk, reason="Not yours.", actor=STAFF, now=mailing.now)
    shown = preview("ask_declined", customer=customer, **by)
    assert (shown.subject, shown.body) == (
        made.number,
        "Jo Marsh: Not yours. (Bank transfer, •••••••••••911, £10.00)\n",
    )


@pytest.mark.parametrize("paid", [True, False])
def test_a_refund_that_nobody_took_is_told_as_that(mailing: Mailing, mailbox: Mailbox, paid: bool):
    mailing.switch(MailKind.REFUND_FAILED)
    customer = mailing.customer()
    mailing.give(customer)
    refund = mailing.ask_by_cheque(customer)
    if paid:
        refunds.complete(refund.pk, actor=ADMIN, now=mailing.now)
    mailing.wait(timedelta(days=91))
    cancel(refund.pk, actor=ADMIN, now=mailing.now)
    assert mailing.round() == 1 and mailing.round() == 0
    told = text(mailbox)
    assert "Your refund of £10.00 waited for a long time, and the money was not taken." in told
    assert "credit in your account again" in told
    assert "did not arrive" not in told and "a detail of the account" not in told


def test_credit_that_ends_soon_is_announced_once_for_its_date(mailing: Mailing, mailbox: Mailbox):
    mailing.switch(MailKind.CREDIT_EXPIRING)
    customer, system = mailing.customer(), Actor.system("round")
    soon = mailing.give(customer, expires_at=mailing.now + timedelta(days=5))
    mailing.give(customer, expires_at=mailing.now + timedelta(days=50))
    assert announce_ending(14, actor=system, now=mailing.now) == 1
    assert announce_ending(14, actor=system, now=mailing.now + timedelta(days=1)) == 0
    assert Event.objects.get(action="credit.expiring").subject == soon.number
    assert mailing.round() == 1 and mailing.round() == 0
    assert "you have £25.50 of credit" in text(mailbox)
    assert "until 7 March 2026" in text(mailbox)


def test_credit_that_was_spent_meanwhile_is_not_announced(mailing: Mailing, mailbox: Mailbox):
    mailing.switch(MailKind.CREDIT_EXPIRING)
    customer = mailing.customer()
    mailing.give(customer, expires_at=mailing.now + timedelta(days=5))
    announce_ending(14, actor=Actor.system("round"), now=mailing.now)
    mailing.ask(customer, 2_550)
    assert mailing.round() == 0
    assert (mailing.only().state, mailing.only().why) == ("dropped", "over")
    assert mailbox.envelopes == []


def test_only_what_happened_after_it_was_switched_on_counts(mailing: Mailing, mailbox: Mailbox):
    customer = mailing.customer()
    mailing.give(customer, 100)
    mailing.switch(MailKind.CREDIT_ISSUED)
    mailing.give(customer, 200)
    mailing.round()
    mailing.switch(MailKind.CREDIT_ISSUED, on=False)
    mailing.give(customer, 300)
    mailing.round()
    mailing.switch(MailKind.CREDIT_ISSUED)
    mailing.give(customer, 400)
    mailing.round()
    assert ["£2.00" in texts(mailbox)[0], "£4.00" in texts(mailbox)[1]] == [True, True]
    assert len(mailbox.envelopes) == 2


def test_what_is_switched_off_meanwhile_is_not_sent(mailing: Mailing, mailbox: Mailbox):

    mailing.switch(MailKind.CREDIT_ISSUED)
    mailing.give(mailing.customer())
    find(mailing.watch, mailing.now)
    mailing.switch(MailKind.CREDIT_ISSUED, on=False)
    assert mailing.round() == 0
    assert (mailing.only().state, mailing.only().why) == ("dropped", "switched_off")


def test_nothing_is_mailed_by_default(mailing: Mailing, mailbox: Mailbox):
    customer = mailing.customer()
    mailing.give(customer)
    mailing.ask(customer)
    assert mailing.round() == 0
    assert not Mail.objects.exists()


def test_who_has_no_address_is_no_failure(mailing: Mailing):
    mailing.switch(MailKind.CREDIT_ISSUED)
    mailing.give(mailing.customer(email=""))
    assert mailing.round() == 0
    assert not Mail.objects.exists()


def test_books_that_are_taken_over_tell_nobody(mailing: Mailing, mailbox: Mailbox):
    mailing.switch(MailKind.CREDIT_ISSUED)
    customer = mailing.customer()
    issue = Issue(
        customer_id=customer.pk, amount=gbp(100), source=Source.MANUAL, house=House.RECEIPTS,
        reason="deposit", reference="", key="old", effective_at=mailing.now - timedelta(days=400),
    )  # fmt: skip
    newer = replace(issue, key="new", effective_at=mailing.now - timedelta(days=2))
    issue_many([issue, newer], actor=Actor.system("import"), now=mailing.now)
    assert mailing.round() == 1


def test_who_opted_out_gets_none_but_those_about_their_money(mailing: Mailing, mailbox: Mailbox):
    mailing.switch(MailKind.CREDIT_ISSUED, MailKind.REFUND_REQUESTED)
    customer = mailing.customer()
    customers.choose_mails(customer.pk, no_mails=["credit_issued"], actor=STAFF, now=mailing.now)
    mailing.give(customer)
    mailing.ask(customer)
    assert mailing.round() == 1
    assert "Your refund of" in text(mailbox)


def test_who_opts_out_while_it_waits_gets_none(mailing: Mailing, mailbox: Mailbox):

    mailing.switch(MailKind.CREDIT_ISSUED)
    customer = mailing.customer()
    mailing.give(customer)
    find(mailing.watch, mailing.now)
    customers.choose_mails(customer.pk, no_mails=["credit_issued"], actor=STAFF, now=mailing.now)
    assert mailing.round() == 0
    assert (mailing.only().state, mailing.only().why) == ("dropped", "opted_out")


def test_a_rollback_sends_nothing(mailing: Mailing, mailbox: Mailbox):

    mailing.switch(MailKind.CREDIT_ISSUED)
    customer = mailing.customer()
    with transaction.atomic():
        mailing.give(customer)
        transaction.set_rollback(True)
    assert mailing.round() == 0
    assert mailbox.envelopes == []


def test_customers_read_the_shop_s_language_and_its_money(mailing: Mailing, mailbox: Mailbox, settings: Any):
    settings.LANGUAGE_CODE = "de"
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, locale="de_DE")
    mailing.switch(MailKind.CREDIT_ISSUED)
    mailing.give(mailing.customer())
    mailing.round()
    assert "Guten Tag Jo Marsh," in text(mailbox)
    assert "25,50\N{NO-BREAK SPACE}£" in text(mailbox)


def test_a_second_round_in_another_process_sends_nothing_twice(mailing: Mailing, mailbox: Mailbox):
    mailing.switch(MailKind.CREDIT_ISSUED)
    mailing.give(mailing.customer())
    assert [mailing.round(), Mailing(mailing.now).round(), mailing.round()] == [1, 0, 0]
    assert len(mailbox.envelopes) == 1


def test_who_may_not_announce_does_not(mailing: Mailing, now: datetime):

    with pytest.raises(PermissionDenied):
        announce_ending(14, actor=STAFF, now=now)
    assert not Event.objects.filter(action="credit.expiring").exists()


def test_a_credit_given_again_after_an_order_fell_through_is_no_new_credit(
    mailing: Mailing, mailbox: Mailbox, staff_actor: Actor
):
    till = Till(staff_actor, mailing.now)
    Customer.objects.filter(pk=till.customer.pk).update(email="jo@example.com")
    mailing.give(till.customer, 2_000)
    order = till.place(line(2_000))
    mailing.switch(MailKind.CREDIT_ISSUED)
    by = {"actor": staff_actor, "now": mailing.now}
    spent = {"customer_id": till.customer.pk, "amount": gbp(2_000), "reference": order.number}
    credit.spend(**spent, key="spend", **by)
    credit.restore(**spent, currency="GBP", key="restore", **by)
    assert mailing.round() == 0
    assert not Mail.objects.exists()


def test_two_daily_rounds_at_once_announce_each_credit_once(own_database: None, mailbox: Mailbox):
    mailing = Mailing(timezone.now())
    customer = mailing.customer()
    for _each in range(5):
        mailing.give(customer, expires_at=mailing.now + timedelta(days=3))
    found: list[int] = []

    def run() -> None:
        try:
            found.append(announce_ending(14, actor=Actor.system("round"), now=mailing.now))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(found) == [0, 0, 0, 5]
    assert Event.objects.filter(action="credit.expiring").count() == 5


def test_credit_that_got_another_date_is_announced_for_that_too(mailing: Mailing, mailbox: Mailbox):
    mailing.switch(MailKind.CREDIT_EXPIRING)
    given = mailing.give(mailing.customer(), expires_at=mailing.now + timedelta(days=3))
    announce_ending(14, actor=Actor.system("round"), now=mailing.now)
    Credit.objects.filter(id=given.id).update(expires_at=mailing.now + timedelta(days=9))
    assert announce_ending(14, actor=Actor.system("round"), now=mailing.now) == 1
    assert mailing.round() == 1  # of the first date nothing is told any more
    assert "11 March 2026" in text(mailbox)
