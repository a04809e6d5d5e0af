"""Two admins save the same section at the same moment: one is refused, and nothing is lost."""

from __future__ import annotations

from datetime import datetime
from threading import Barrier, Thread

from django.db import connections

from tillbook.common.actor import Actor
from tillbook.events.models import Event
from tillbook.shop import policies
from tillbook.shop.models import Version
from tillbook.shop.services import SettingsChanged, save


def test_of_two_who_save_at_once_one_is_refused(own_database: None, now: datetime):
    ready, outcomes = Barrier(4), []

    def change(limit: str) -> None:
        ready.wait()
        try:
            values = {"staff_credit_limit": limit}
            outcomes.append(save("limits", values, seen=0, actor=Actor.system("test"), now=now))
        except SettingsChanged as refusal:
            outcomes.append(refusal.code)
        finally:
            connections.close_all()

    threads = [Thread(target=change, args=(f"{minor}.00",)) for minor in (11, 12, 13, 14)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(map(str, outcomes)) == ["1", *["settings_changed"] * 3]
    version, event = Version.objects.get(), Event.objects.get(action="settings.changed")
    (_, saved) = event.data["changed"]["staff_credit_limit"]
    assert version.values == {"staff_credit_limit": saved}
    assert f"{policies.shop().staff_credit_limit_minor // 100}.00 GBP" == saved
