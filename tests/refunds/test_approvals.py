"""The shop's policy says how many people must agree, and an approval is for exact content (R6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from tillbook.common.actor import Actor, Role
from tillbook.common.errors import PermissionDenied, WrongState
from tillbook.common.money import Money
from tillbook.credit import services as credits
from tillbook.credit.models import GiveReason
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.refunds import payees
from tillbook.refunds import services as refunds
from tillbook.refunds.approvals import (
    ApprovalMissing,
    Flag,
    NotAcknowledged,
    SelfApproval,
    approve,
    flags,
    needed,
    standing,
)
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee
from tillbook.refunds.services import SelfCompletion
from tillbook.shop.details import ApprovalRule
from tillbook.staff import services as staff

pytestmark = pytest.mark.django_db

ACCOUNT, OTHER_ACCOUNT = "20-00-00 55779911", "60-16-13 31926819"
LARGE = 1_500_00  # above the limit of 1,000 to which people complete what they asked for


@pytest.fixture
def policy(settings):
    """Set the shop's rules."""

    def _policy(*rules: ApprovalRule) -> None:
        settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, approval_rules=rules)

    return _policy


@pytest.fixture
def new_admin(system_actor, now):
    def _admin(name: str) -> Actor:
        user = staff.add_user(username=name, role=Role.ADMIN, password="p" * 14, actor=system_actor, now=now)
        return user.as_actor("test")

    return _admin


@pytest.fixture
def by(admin_actor, now):
    return {"actor": admin_actor, "now": now}


def actions(refund: Refund) -> list[str]:
    rows = Event.objects.filter(subject=refund.number, action__startswith="refund.").order_by("pk")
    return list(rows.values_list("action", flat=True))


def test_without_rules_an_admin_completes_in_one_step(ask, by):
    assert refunds.complete(ask().pk, **by).status == Refund.Status.COMPLETED


def test_whoever_said_where_a_large_refund_goes_completes_it_with_somebody_else_alone(
    ask, by, new_admin, now
):
    refund = ask(LARGE, account=ACCOUNT)
    bob, eve = new_admin("bob"), new_admin("eve")
    payees.change(
        refund.pk, method="bank_transfer", payee=Payee("Jo", OTHER_ACCOUNT), payment_date=now.date(), note="",
        actor=bob, now=now,
    )  # fmt: skip
    with pytest.raises(SelfApproval):
        approve(refund.pk, acknowledged=flags(refund), actor=bob, now=now)
    with pytest.raises(SelfCompletion):
        refunds.complete(refund.pk, actor=bob, now=now)
    assert refunds.complete(refund.pk, actor=eve, now=now).status == Refund.Status.COMPLETED


def test_whoever_changed_no_more_than_its_note_or_day_completes_a_large_refund(ask, new_admin, now):
    refund = ask(LARGE, account=ACCOUNT)
    bob = new_admin("bob")
    payees.change(
        refund.pk, method="bank_transfer", payee=Payee(refund.payee_name, ACCOUNT), note="Urgent",
        payment_date=now.date() + timedelta(days=1), actor=bob, now=now,
    )  # fmt: skip
    assert refunds.complete(refund.pk, actor=bob, now=now).status == Refund.Status.COMPLETED


def test_a_rule_asks_for_an_approval_first(ask, policy, by):
    policy(ApprovalRule(1))
    refund = ask()
    with pytest.raises(ApprovalMissing, match="needs 1 approvals and has 0"):
        refunds.complete(refund.pk, **by)
    assert Refund.objects.get(pk=refund.pk).status == Refund.Status.REQUESTED
    assert approve(refund.pk, **by).status == Refund.Status.APPROVED
    assert refunds.complete(refund.pk, **by).status == Refund.Status.COMPLETED
    assert actions(refund) == ["refund.requested", "refund.approved", "refund.completed"]


def test_two_approvals_are_of_two_people(ask, policy, by, new_admin, now):
    policy(ApprovalRule(2))
    refund = ask()
    approve(refund.pk, **by)
    assert approve(refund.pk, **by).status == Refund.Status.REQUESTED  # the same one again
    assert len(standing(refund)) == 1
    with pytest.raises(ApprovalMissing, match="needs 2 approvals and has 1"):
        refunds.complete(refund.pk, **by)
    assert approve(refund.pk, actor=new_admin("bob"), now=now).status == Refund.Status.APPROVED
    assert refunds.complete(refund.pk, **by).status == Refund.Status.COMPLETED


@pytest.mark.parametrize(
    ("rule", "applies"),
    [
        (ApprovalRule(1, above_minor=49_99), True),
        (ApprovalRule(1, above_minor=50_00), False),
        (ApprovalRule(1, methods=frozenset({"cash"})), True),
        (ApprovalRule(1, methods=frozenset({"paypal", "cheque"})), False),
        (ApprovalRule(1, older_than_days=9), True),
        (ApprovalRule(1, older_than_days=10), False),
        (ApprovalRule(1, on_hold=True), False),
        (ApprovalRule(1, above_minor=10_00, methods=frozenset({"paypal"})), False),
    ],
)
def test_a_rule_applies_where_all_its_conditions_do(ask, policy, now, rule, applies):
    policy(rule)
    refund = ask(50_00)
    later = now + timedelta(days=10)
    assert needed(Refund.objects.get(pk=refund.pk), later) == (1 if applies else 0)


def test_a_customer_on_hold_may_need_an_approval(ask, policy, now):
    policy(ApprovalRule(1, on_hold=True))
    refund = ask()
    Customer.objects.update(on_credit_hold=True)
    assert needed(Refund.objects.get(pk=refund.pk), now) == 1


def test_the_strictest_rule_counts(ask, policy, now):
    policy(ApprovalRule(1), ApprovalRule(2, above_minor=1_000_00), ApprovalRule(1, above_minor=10_00))
    assert needed(ask(LARGE), now) == 2


def test_money_in_another_currency_counts_as_above_every_threshold(ask, policy, now, settings):
    policy(ApprovalRule(2, above_minor=10**9))
    refund = ask()
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, currency="AUD")
    assert needed(refund, now) == 2


def test_who_asked_for_much_can_not_approve_it_and_for_little_can(
    ask, policy, by, admin_actor, new_admin, now
):
    policy(ApprovalRule(1))
    much = ask(LARGE, key="much", actor=admin_actor)
    with pytest.raises(SelfApproval):
        approve(much.pk, acknowledged=list(Flag), **by)
    assert standing(much) == []
    little = ask(10_00, key="little", actor=admin_actor)
    assert approve(little.pk, **by).status == Refund.Status.APPROVED


def test_with_anothers_approval_the_asker_may_complete(ask, policy, by, admin_actor, new_admin, now):
    policy(ApprovalRule(1))
    refund = ask(LARGE, actor=admin_actor)
    approve(refund.pk, acknowledged=[Flag.NEW_PAYEE], actor=new_admin("bob"), now=now)
    assert refunds.complete(refund.pk, **by).status == Refund.Status.COMPLETED


def test_without_rules_the_asker_of_much_still_completes_nothing(ask, by, admin_actor):
    with pytest.raises(SelfCompletion):
        refunds.complete(ask(LARGE, actor=admin_actor).pk, **by)


def test_staff_approve_nothing(ask, policy, staff_actor, now):
    policy(ApprovalRule(1))
    with pytest.raises(PermissionDenied):
        approve(ask().pk, actor=staff_actor, now=now)


def redirected(refund: Refund, account: str, actor: Actor, now) -> Refund:
    return payees.change(
        refund.pk, method="bank_transfer", payee=Payee("Jo Bloggs", account), payment_date=date(2026, 1, 2),
        note="", actor=actor, now=now,
    )  # fmt: skip


def test_a_change_ends_the_approval_and_asks_again(ask, policy, by, staff_actor, now):
    policy(ApprovalRule(1))
    refund = ask(account=ACCOUNT)
    approve(refund.pk, **by)
    assert redirected(refund, OTHER_ACCOUNT, staff_actor, now).status == Refund.Status.REQUESTED
    with pytest.raises(ApprovalMissing, match="was changed after it was approved"):
        refunds.complete(refund.pk, **by)
    event = Event.objects.get(action="refund.changed")
    assert event.data["approvals_ended"] == 1
    assert event.data["changed"] == {"bank_account": ["•••••••••••911", "•••••••••••819"]}
    approve(refund.pk, **by)
    assert refunds.complete(refund.pk, **by).status == Refund.Status.COMPLETED


def test_a_change_to_the_same_changes_nothing(ask, policy, by, staff_actor, now):
    policy(ApprovalRule(1))
    refund = ask(account=ACCOUNT)
    approve(refund.pk, **by)
    assert redirected(refund, ACCOUNT, staff_actor, now).status == Refund.Status.APPROVED
    assert actions(refund) == ["refund.requested", "refund.approved"]


def test_a_payee_changed_behind_the_programs_back_is_not_what_was_approved(ask, policy, by):
    policy(ApprovalRule(1))
    refund = ask(account=ACCOUNT)
    approve(refund.pk, **by)
    row = Refund.objects.get(pk=refund.pk)
    row.bank_account = OTHER_ACCOUNT
    Refund.objects.bulk_update([row], ["bank_account"])
    with pytest.raises(ApprovalMissing, match="was changed after it was approved"):
        refunds.complete(refund.pk, **by)


def test_what_has_ended_can_be_neither_approved_nor_changed(ask, by, staff_actor, now):
    refund = ask(account=ACCOUNT)
    refunds.complete(refund.pk, **by)
    with pytest.raises(WrongState):
        approve(refund.pk, **by)
    with pytest.raises(WrongState):
        redirected(refund, OTHER_ACCOUNT, staff_actor, now)


def test_a_new_account_since_the_last_refund_must_be_acknowledged(ask, policy, by):
    policy(ApprovalRule(1))
    refunds.complete(_approved(ask(key="1", account=ACCOUNT), by).pk, **by)
    assert flags(ask(key="2", account="200000 5577 9911")) == []
    refund = ask(key="3", account=OTHER_ACCOUNT)
    with pytest.raises(NotAcknowledged, match="not the one that the last refund went to"):
        approve(refund.pk, **by)
    assert standing(refund) == []
    approve(refund.pk, acknowledged=["changed_account"], **by)
    (given,) = standing(refund)
    assert given.acknowledged == ["changed_account"]


def _approved(refund: Refund, by) -> Refund:
    return approve(refund.pk, acknowledged=list(Flag), **by)


def test_an_account_that_other_customers_used_must_be_acknowledged(ask, by, now, admin_actor):
    other = Customer.objects.create(username="al", currency="GBP", created_at=now)
    credits.give(
        customer_id=other.pk, amount=Money(100_00, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, key="al", actor=admin_actor, now=now,
    )  # fmt: skip
    assert flags(ask(key="1", account=ACCOUNT)) == []
    assert flags(ask(key="2", account=ACCOUNT, customer_id=other.pk)) == [Flag.SHARED_ACCOUNT]


def test_a_large_amount_to_a_new_name_must_be_acknowledged(ask, by):
    assert flags(ask(LARGE, key="1")) == [Flag.NEW_PAYEE]
    refunds.complete(ask(5_00, key="2").pk, **by)
    assert flags(ask(LARGE // 100, key="3", payee="Somebody else")) == []
    Refund.objects.filter(status="requested").update(amount_minor=LARGE)
    assert flags(Refund.objects.get(payee_name="Somebody else")) == [Flag.NEW_PAYEE]
    assert flags(Refund.objects.filter(status="requested", payee_name="Jo Bloggs").get()) == []
