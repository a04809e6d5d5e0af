"""Activity: what was done to the shop itself and to everything, for admins."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.panel.test_customers import text, words_of
from tillbook.common.actor import Actor, Role
from tillbook.credit.models import Credit
from tillbook.events import queries
from tillbook.events.models import Event
from tillbook.events.services import NewEvent, record_many
from tillbook.staff import services as staff


def subjects(client: Client, query: str = "") -> list[str]:
    return [row.entry.subject for row in client.get(f"/activity/{query}").context["page"].items]


def test_only_admins_may_see_it(as_staff: Client, as_viewer: Client, as_admin: Client):
    assert [client.get("/activity/").status_code for client in (as_staff, as_viewer, as_admin)] == [
        403,
        403,
        200,
    ]
    assert "/activity/" in text(as_admin, "/customers/")
    assert "/activity/" not in text(as_staff, "/customers/")


def test_it_shows_what_was_done_to_users_which_no_other_page_does(
    as_admin: Client, admin_actor: Actor, deposit: Credit, now: datetime
):
    added = staff.add_user(
        username="ann", role=Role.STAFF, password="a long password", actor=admin_actor, now=now
    )
    shown = text(as_admin, "/activity/")
    words = words_of(shown)
    assert "2 Mar 2026, 10:30 User added user.added" in words
    assert f'<a href="/users/{added.pk}/">ann</a>' in shown
    assert "admin test" in words
    assert deposit.number not in words


def test_everything_can_be_filtered_by_who_what_and_to_what(
    as_admin: Client, deposit: Credit, goodwill: Credit, staff_actor: Actor
):
    assert subjects(as_admin, f"?subject={deposit.number}") == []
    assert subjects(as_admin, f"?about=all&subject={deposit.number}") == [deposit.number]
    assert subjects(as_admin, "?about=all&action=credit.") == [goodwill.number, deposit.number]
    assert subjects(as_admin, "?about=all&action=credit.&actor=admin") == [goodwill.number, deposit.number]
    assert subjects(as_admin, "?about=all&action=credit.&actor=staff") == []
    assert subjects(as_admin, "?about=all&action=customer.") == ["maria"]
    assert "Nothing matches" in text(as_admin, "/activity/?about=all&actor=nobody")
    assert "Select a valid choice" in text(as_admin, "/activity/?about=zz")


def test_changed_settings_and_languages_are_in_words(as_admin: Client, admin_actor: Actor, now: datetime):
    changed = {"mails.credit_issued.on": [False, True]}
    told = [
        NewEvent("settings.changed", "settings", data={"section": "mails", "changed": changed}),
        NewEvent("user.language_chosen", "user:ann", data={"language": "de"}),
    ]
    record_many(told, actor=admin_actor, now=now)
    shown = as_admin.get("/activity/").content.decode()
    assert "Settings changed: mails" in shown
    assert "credit issued on: no → yes" in shown
    assert "language: Deutsch" in shown


def test_it_pages_and_takes_no_more_queries_for_more_rows(
    as_admin: Client, admin_actor: Actor, deposit: Credit, now: datetime
):
    def page(query: str) -> tuple[int, Client]:
        with CaptureQueriesContext(connection) as made:
            answer = as_admin.get(f"/activity/{query}")
        return len(made), answer

    page("?about=all")
    few, _ = page("?about=all")
    record_many([NewEvent("customer.changed", "maria", deposit.customer_id)] * 60, actor=admin_actor, now=now)
    many, answer = page("?about=all&action=customer.changed")
    assert many <= few
    assert len(answer.context["page"].items) == 50
    following = answer.context["page"].next_key
    _, answer = page(f"?about=all&action=customer.changed&after={following}")
    assert len(answer.context["page"].items) == 10
    assert answer.context["page"].next_key == ""


def test_a_rare_event_is_looked_for_part_by_part(
    as_admin: Client, admin_actor: Actor, deposit: Credit, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(queries, "LOOKED_THROUGH", 5)
    record_many([NewEvent("customer.changed", "maria", deposit.customer_id)] * 12, actor=admin_actor, now=now)
    query, seen = "?about=all&action=credit.issued", 0
    answer = as_admin.get(f"/activity/{query}")
    assert "Nothing so far" in answer.content.decode()
    while not answer.context["page"].items:
        seen += 1
        answer = as_admin.get(f"/activity/{query}&after={answer.context['page'].next_key}")
    assert seen == 2
    assert [row.entry.subject for row in answer.context["page"].items] == [deposit.number]
    assert Event.objects.count() > 12
