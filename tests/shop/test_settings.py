"""What is saved holds at once, says who changed it, and is never saved over somebody else's."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from PIL import Image
from pytest_django import DjangoAssertNumQueries

from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput, PermissionDenied
from tillbook.events.models import Event
from tillbook.shop import policies, services
from tillbook.shop.details import ApprovalRule
from tillbook.shop.logos import logo
from tillbook.shop.models import Version
from tillbook.shop.policies import policy_at, shop
from tillbook.shop.services import SettingsChanged, save


def saved(section: str, actor: Actor, now: datetime, *, seen: int | None = None, **values: Any) -> int:
    return save(section, values, seen=policies.version() if seen is None else seen, actor=actor, now=now)


def png(width: int = 40, height: int = 20, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "#17624b").save(out, format=kind)
    return out.getvalue()


def test_nothing_saved_is_what_the_environment_says(db: None, settings: Any):
    assert shop() is settings.TILLBOOK_SHOP
    assert policies.version() == 0


def test_what_is_saved_holds_and_the_rest_stays(admin_actor: Actor, now: datetime, settings: Any):
    assert saved("shop", admin_actor, now, name=" Mill Lane ", address="1 Mill Lane\r\nWick") == 1
    assert saved("limits", admin_actor, now, staff_credit_limit="250") == 2
    assert (shop().name, shop().address) == ("Mill Lane", "1 Mill Lane\nWick")
    assert shop().staff_credit_limit_minor == 25_000
    assert shop().self_completion_limit_minor == settings.TILLBOOK_SHOP.self_completion_limit_minor


def test_an_event_says_what_changed_and_who_did_it(admin_actor: Actor, now: datetime):
    saved("limits", admin_actor, now, staff_credit_limit="250", self_completion_limit="1000")
    event = Event.objects.get(action="settings.changed")
    assert (event.actor_name, event.subject, event.customer_id) == ("admin", "settings", None)
    assert event.data["changed"] == {"staff_credit_limit": ["100.00 GBP", "250.00 GBP"]}


def test_saved_as_it_stands_nothing_is_written(admin_actor: Actor, now: datetime):
    assert saved("limits", admin_actor, now, staff_credit_limit="100.00") == 0
    saved("limits", admin_actor, now, staff_credit_limit="90")
    assert saved("limits", admin_actor, now, seen=0, staff_credit_limit="90") == 1  # the second click
    assert Version.objects.count() == Event.objects.filter(action="settings.changed").count() == 1


def test_nobody_saves_over_what_somebody_else_saved_meanwhile(admin_actor: Actor, now: datetime):
    saved("limits", admin_actor, now, staff_credit_limit="90")
    saved("shop", admin_actor, now, seen=0, name="Another section may")
    with pytest.raises(SettingsChanged, match="admin changed these settings meanwhile"):
        saved("limits", admin_actor, now, seen=0, staff_credit_limit="80")
    assert shop().staff_credit_limit_minor == 9_000


def test_only_admins_save(staff_actor: Actor, now: datetime):
    with pytest.raises(PermissionDenied):
        saved("shop", staff_actor, now, name="Mine")
    with pytest.raises(PermissionDenied):
        services.save_logo(png(), seen=0, actor=staff_actor, now=now)


@pytest.mark.parametrize(
    ("section", "values", "field"),
    [
        ("shop", {"name": " "}, "name"),
        ("shop", {"name": "two\nlines"}, "name"),
        ("shop", {"email": "shop"}, "email"),
        ("shop", {"address": "a" * 501}, "address"),
        ("shop", {"currency": "EUR"}, "currency"),
        ("limits", {"staff_credit_limit": "-1"}, "staff_credit_limit"),
        ("limits", {"staff_credit_limit": ""}, "staff_credit_limit"),
        ("limits", {"self_completion_limit": "5 EUR"}, "self_completion_limit"),
        ("limits", {"stale_refund_days": 0}, "stale_refund_days"),
        ("limits", {"stale_refund_days": "90"}, "stale_refund_days"),
        ("limits", {"stale_refund_days": 3651}, "stale_refund_days"),
        ("mail", {"mail_name": "Wick\r\nBcc: all@example.org"}, "mail_name"),
        ("mail", {"mail_reply_to": "nobody"}, "mail_reply_to"),
    ],
)
def test_a_wrong_value_is_named_and_nothing_is_saved(
    section: str, values: dict[str, str], field: str, admin_actor: Actor, now: datetime
):
    with pytest.raises(InvalidInput) as refused:
        saved(section, admin_actor, now, **values)
    assert refused.value.field == field
    assert not Version.objects.exists()


@pytest.mark.parametrize("text", ["0", "0.00", "0.00 GBP"])
def test_a_limit_may_be_zero(text: str, admin_actor: Actor, now: datetime):
    saved("limits", admin_actor, now, staff_credit_limit=text)
    assert shop().staff_credit_limit_minor == 0


def test_a_limit_saved_in_another_currency_is_none(admin_actor: Actor, now: datetime, settings: Any):
    saved("limits", admin_actor, now, staff_credit_limit="90")
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, currency="JPY", staff_credit_limit_minor=7)
    assert shop().staff_credit_limit_minor == 7


def test_what_was_saved_can_not_be_changed_or_deleted(admin_actor: Actor, now: datetime):
    saved("shop", admin_actor, now, name="Wick")
    services.save_logo(png(), seen=1, actor=admin_actor, now=now)
    for table in ("shop_version", "shop_logo"):
        column = "at" if table == "shop_version" else "width"
        for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                connection.cursor().execute(statement)


def test_asking_costs_nothing_until_two_seconds_are_over(
    admin_actor: Actor,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
):
    clock = [0]
    monkeypatch.setattr(policies, "monotonic_ns", lambda: clock[0])
    monkeypatch.setattr(policies, "KEPT", 2 * 10**9)
    saved("shop", admin_actor, now, name="Wick")
    with django_assert_num_queries(2):
        shop()
    with django_assert_num_queries(0):
        shop()
    Version(pk=2, at=now, by="another process", values={"name": "Thurso"}).save(force_insert=True)
    assert shop().name == "Wick"
    clock[0] = 2 * 10**9
    with django_assert_num_queries(2):
        assert shop().name == "Thurso"
    clock[0] *= 2
    with django_assert_num_queries(1):
        shop()


def test_what_was_read_while_somebody_saved_is_not_kept(
    admin_actor: Actor, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    read = policies._read

    def slowly(*args: Any) -> Any:
        found = read(*args)
        monkeypatch.setattr(policies, "_read", read)
        saved("shop", admin_actor, now, name="Wick")
        return found

    monkeypatch.setattr(policies, "_read", slowly)
    policies.forget()
    shop()
    assert shop().name == "Wick"


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_logo_is_encoded_anew(kind: str, admin_actor: Actor, now: datetime):
    hidden = png(kind=kind) + b"<script>"
    services.save_logo(hidden, seen=0, actor=admin_actor, now=now)
    found = logo()
    assert found is not None and (found.kind, found.width, found.height) == (kind.lower(), 40, 20)
    assert b"script" not in found.content
    services.save_logo(None, seen=1, actor=admin_actor, now=now)
    assert logo() is None
    assert services.save_logo(hidden, seen=2, actor=admin_actor, now=now) == 3


@pytest.mark.parametrize(
    ("upload", "said"),
    [
        (b"", "no PNG or JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no PNG or JPEG"),
        (png(kind="GIF"), "no PNG or JPEG"),
        (png()[:60], "no PNG or JPEG"),
        (png(2001, 1), "2001 x 1 pixels"),
        (b"x" * 512_001, "501 KB"),
    ],
)
def test_anything_else_is_no_logo(upload: bytes, said: str, admin_actor: Actor, now: datetime):
    with pytest.raises(InvalidInput, match=said) as refused:
        services.save_logo(upload, seen=0, actor=admin_actor, now=now)
    assert refused.value.field == "logo"


def test_a_credit_keeps_the_grace_that_held_when_it_was_issued(admin_actor: Actor, now: datetime):
    later = now + timedelta(days=10)
    before = policy_at("manual", now)
    policy = {"refundable": True, "days": 90, "grace_days": 5}
    saved("policies", admin_actor, later, policies={"manual": policy})
    assert policy_at("manual", later - timedelta(seconds=1)) == before
    assert policy_at("manual", later).grace_days == 5
    assert policy_at("return", later) == shop().policies["return"] == policy_at("return", now)


RULE = {"approvals": 1, "above": "500", "older_than_days": None, "methods": [], "on_hold": False}


def test_a_rule_whose_currency_is_not_the_shops_any_more_holds_for_every_amount(
    admin_actor: Actor, now: datetime, settings: Any
):
    saved("approvals", admin_actor, now, approval_rules=[RULE])
    assert shop().approval_rules == (ApprovalRule(1, above_minor=500_00),)
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, currency="AUD")
    assert shop().approval_rules == (ApprovalRule(1, above_minor=0),)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"approvals": 3}, "One or two people"),
        ({"above": "-1"}, "Write 0 or more."),
        ({"methods": ["barter"]}, "no refund method 'barter'"),
        ({"older_than_days": 0}, "Use 1 to"),
    ],
)
def test_a_wrong_rule_is_refused_whole(admin_actor: Actor, now: datetime, wrong: dict[str, Any], says: str):
    with pytest.raises(InvalidInput, match=says):
        saved("approvals", admin_actor, now, approval_rules=[RULE, RULE | wrong])
    assert shop().approval_rules == ()
