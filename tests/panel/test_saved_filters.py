"""The refund queue's filters: built in, saved, shared; and its order."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.test import Client

from tests.panel.test_customers import text
from tillbook.common.actor import Actor
from tillbook.refunds.models import Refund
from tillbook.staff.models import SavedFilter


def links(client: Client, query: str = "") -> dict[str, tuple[str, bool]]:
    """name -> (address, whether it is the one that is shown) of the links above the queue."""
    part = text(client, f"/refunds/{query}").split('<nav aria-label="Saved filters">')[1].split("</nav>")[0]
    found = re.findall(r'<a class="button small" href="([^"]*)"([^>]*)>([^<]*)</a>', part)
    return {name: (url.replace("&amp;", "&"), "aria-current" in more) for url, more, name in found}


def shown(client: Client, url: str) -> list[str]:
    return [refund.number for refund in client.get(url).context["page"].items]


def test_the_built_in_filters_show_what_they_say(
    as_admin: Client, as_staff: Client, request_refund: Callable[..., Refund], admin_actor: Actor
):
    request_refund(1_000, key="a")
    request_refund(2_000, key="b")
    as_admin.post("/refunds/RF-1001/complete/")
    found = links(as_staff)
    assert [name for name, (_, current) in found.items() if current] == ["To complete, oldest first"]
    assert shown(as_staff, found["To complete, oldest first"][0]) == ["RF-1002"]
    assert shown(as_staff, found["My requests"][0]) == ["RF-1002", "RF-1001"]
    assert shown(as_admin, links(as_admin)["My requests"][0]) == []
    [large] = [url for name, (url, _) in found.items() if name.startswith("From £")]
    assert shown(as_staff, large) == []
    assert links(as_staff, "?status=open")["To complete, oldest first"][1]
    assert links(as_staff, found["My requests"][0].removeprefix("/refunds/"))["My requests"][1]


def test_a_filter_is_saved_as_it_is_shown_and_is_a_link_from_then_on(
    as_staff: Client, as_admin: Client, request_refund: Callable[..., Refund]
):
    request_refund(1_000)
    sent = {"query": "status=all&method=cash&after=7&junk=1", "name": "Cash"}
    answer = as_staff.post("/refunds/filters/save/", sent)
    assert answer.url == "/refunds/?status=all&method=cash"
    assert links(as_staff, "?method=cash&status=all")["Cash"] == ("/refunds/?status=all&method=cash", True)
    assert "Cash" not in links(as_admin)
    as_admin.post("/refunds/filters/save/", {"query": "method=cheque", "name": "Cheques", "shared": "on"})
    assert "Cheques" in links(as_staff)


def test_a_wrong_filter_or_name_is_not_saved(as_staff: Client, db: None):
    for sent in (
        {"query": "from_date=never", "name": "X"},
        {"query": "method=cash", "name": ""},
        {"query": "method=cash", "name": "X" * 61},
    ):
        assert as_staff.post("/refunds/filters/save/", sent).status_code == 302
    assert (
        as_staff.post("/refunds/filters/save/", {"query": "", "name": "X", "shared": "on"}).status_code == 403
    )
    assert SavedFilter.objects.count() == 0


def test_filters_are_renamed_and_deleted_on_their_page(as_staff: Client, as_admin: Client, db: None):
    as_staff.post("/refunds/filters/save/", {"query": "method=cash", "name": "Cash"})
    as_admin.post("/refunds/filters/save/", {"query": "method=cheque", "name": "Cheques", "shared": "on"})
    own, shared = SavedFilter.objects.order_by("pk")
    page = text(as_staff, "/refunds/filters/")
    assert "New name of Cash" in page
    assert "New name of Cheques" not in page
    assert "shared by admin" in page
    as_staff.post("/refunds/filters/rename/", {"filter": own.pk, "name": "Notes and coins"})
    assert "Notes and coins" in links(as_staff)
    assert as_staff.post("/refunds/filters/remove/", {"filter": shared.pk}).status_code == 403
    assert as_admin.post("/refunds/filters/remove/", {"filter": own.pk}).status_code == 404
    as_staff.post("/refunds/filters/remove/", {"filter": own.pk})
    assert [each.name for each in SavedFilter.objects.all()] == ["Cheques"]


def test_the_newest_come_first_where_that_is_asked_for_page_by_page(
    as_staff: Client, request_refund: Callable[..., Refund], monkeypatch
):
    monkeypatch.setattr("tillbook.panel.queue_views._PAGE_SIZE", 2)
    for each in range(3):
        request_refund(100, key=f"r{each}")
    assert shown(as_staff, "/refunds/?sort=newest") == ["RF-1003", "RF-1002"]
    following = as_staff.get("/refunds/?sort=newest").context["page"].next_key
    assert shown(as_staff, f"/refunds/?sort=newest&after={following}") == ["RF-1001"]
    assert shown(as_staff, "/refunds/") == ["RF-1001", "RF-1002"]
