"""The texts of mails: what placeholders do, and that every starting text is one that could be saved."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.utils.translation import override

from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput
from tillbook.common.languages import LANGUAGES
from tillbook.common.mail_kinds import TO_CUSTOMERS, MailKind
from tillbook.events.models import Event
from tillbook.shop import policies
from tillbook.shop.checks import check_mail_text
from tillbook.shop.mail_texts import PLACEHOLDERS, fill, fill_line, starting_text
from tillbook.shop.policies import shop
from tillbook.shop.services import SettingsChanged, save

VALUES = {"customer": "Jo", "amount": "£1.00", "until": "", "note": ""}


def saved(actor: Actor, now: datetime, seen: int | None = None, **values: object) -> None:
    save("mails", values, seen=policies.version() if seen is None else seen, actor=actor, now=now)


def test_placeholders_are_filled():
    assert fill("Dear {customer},\n{amount} {amount}", VALUES) == "Dear Jo,\n£1.00 £1.00"


def test_a_line_whose_placeholder_says_nothing_is_left_out_with_its_gap():
    assert fill("A\n\nUntil {until}.\n\n{note}\n\nB {amount}", VALUES) == "A\n\nB £1.00"


def test_what_is_filled_in_is_never_read_again():
    assert fill("{customer}", {"customer": "{amount} {x} {{", "amount": "1"}) == "{amount} {x} {{"


def test_a_subject_is_one_line():
    assert (
        fill_line("For {customer}", {"customer": "Jo\r\nBcc: x@example.org"}) == "For Jo Bcc: x@example.org"
    )


def test_an_unknown_placeholder_is_never_filled_with_anything():
    with pytest.raises(KeyError):
        fill("{password}", VALUES)


@pytest.mark.parametrize("language", [code for code, _name in LANGUAGES])
@pytest.mark.parametrize("kind", TO_CUSTOMERS)
def test_every_starting_text_could_be_saved(kind: MailKind, language: str):
    with override(language):
        text = starting_text(kind)
    assert check_mail_text(kind, subject=text.subject, body=text.body) == {
        "subject": text.subject, "body": text.body,
    }  # fmt: skip
    filled = fill(text.body, dict.fromkeys(PLACEHOLDERS[kind], "x"))
    assert "{" not in filled


def test_one_kind_is_saved_and_the_others_stay(admin_actor: Actor, now: datetime):
    saved(admin_actor, now, mails={"refund_paid": {"on": True}}, expiring_days=7)
    saved(
        admin_actor, now, mails={"credit_issued": {"texts": {"de": {"subject": "Neu", "body": "{amount}"}}}}
    )
    assert shop().mails["refund_paid"].on and shop().expiring_days == 7
    assert shop().mails["credit_issued"].texts["de"].subject == "Neu"
    first, second = Event.objects.filter(action="settings.changed").order_by("pk")
    assert first.data["changed"]["mails.refund_paid.on"] == [False, True]
    assert second.data["changed"]["mails.credit_issued.texts.de.subject"] == [None, "Neu"]


@pytest.mark.parametrize(
    "mails",
    [
        {"nonsense": {"on": True}},
        {"refund_paid": {"texts": {"fr": {"subject": "a", "body": "b"}}}},
        {"approval_waiting": {"texts": {"en": {"subject": "a", "body": "b"}}}},
        {"refund_paid": {"texts": {"en": {"subject": "two\nlines", "body": "b"}}}},
        {"refund_paid": {"texts": {"en": {"subject": "", "body": "b"}}}},
        {"refund_paid": {"texts": {"en": {"subject": "a", "body": "x" * 4_001}}}},
        {"refund_paid": {"texts": {"en": {"subject": "a", "body": "{until}"}}}},
    ],
)
def test_what_can_not_be_is_not_saved(mails: dict[str, object], admin_actor: Actor, now: datetime):
    with pytest.raises(InvalidInput):
        saved(admin_actor, now, mails=mails)
    assert policies.version() == 0


@pytest.mark.parametrize("days", [0, -1, 366, True, "14"])
def test_days_are_a_year_s_at_most(days: object, admin_actor: Actor, now: datetime):
    with pytest.raises(InvalidInput) as refused:
        saved(admin_actor, now, expiring_days=days)
    assert refused.value.field == "expiring_days"


def test_nobody_saves_over_a_text_that_somebody_else_saved(admin_actor: Actor, now: datetime):
    saved(admin_actor, now, mails={"refund_paid": {"on": True}})
    with pytest.raises(SettingsChanged):
        saved(admin_actor, now, seen=0, mails={"credit_issued": {"on": True}})
