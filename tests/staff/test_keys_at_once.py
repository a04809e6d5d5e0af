"""One form for an API key, sent several times at the same moment."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from functools import partial
from itertools import cycle

import pytest
from django.http import HttpResponse
from django.test import Client

from tests.conftest import _user_actor
from tests.databases import at_once
from tillbook.common.actor import Actor, Role
from tillbook.events.models import Event
from tillbook.staff.models import ApiKey, User


@pytest.mark.usefixtures("own_database")
@pytest.mark.parametrize("owners", [["staff"], ["staff", "admin"]], ids=["the same", "with other values"])
def test_one_form_at_once_makes_one_key(now: datetime, owners: list[str]) -> None:
    system = Actor.system("test")
    admin = _user_actor("admin", Role.ADMIN, system, now)
    _user_actor("staff", Role.STAFF, system, now)

    def send(client: Client, owner: str) -> HttpResponse:
        sent = {"key": "k", "name": "checkout", "owner": owner, "scopes": ["credit"]}
        return client.post("/keys/", sent)

    clients = [Client() for _ in range(8)]
    for client in clients:
        client.force_login(User.objects.get(pk=admin.user_id))
    sendings = [partial(send, *each) for each in zip(clients, cycle(owners), strict=False)]
    pages = [answer.content.decode() for answer in at_once(sendings)]
    assert (ApiKey.objects.count(), Event.objects.filter(action="key.added").count()) == (1, 1)
    said = Counter(
        next(text for text in ("is ready", "was made already", "with other values") if text in page)
        for page in pages
    )
    others = 4 if len(owners) == 2 else 0
    wanted = {"is ready": 1, "was made already": 7 - others, "with other values": others}
    assert said == {text: number for text, number in wanted.items() if number}
