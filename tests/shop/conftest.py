"""A customer, and what each test saves before it acts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tillbook.common.actor import Actor
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.shop import policies
from tillbook.shop.services import save
from tillbook.shop.values import values_of

Change = Callable[..., None]


@pytest.fixture
def jo(db: None, system_actor: Actor, now: datetime) -> Customer:
    return customers.add(username="jo", first_name="Jo", actor=system_actor, now=now)


@pytest.fixture
def set_policy(admin_actor: Actor, now: datetime) -> Change:
    """Save the policy of one source."""

    def change(source: str, **terms: Any) -> None:
        before = values_of(policies.shop())["policies"][source]
        wanted = {"policies": {source: {**before, **terms}}}
        save("policies", wanted, seen=policies.version(), actor=admin_actor, now=now)

    return change


@pytest.fixture
def set_entry(admin_actor: Actor, now: datetime) -> Change:
    """Change the entry of a code in one of the lists, or add it at the end."""

    def change(name: str, code: str, **more: Any) -> None:
        entries = values_of(policies.shop())[name]
        if code not in [each["code"] for each in entries]:
            entries.append({"code": code, "on": True, "label": code.capitalize()})
        changed = [{**each, **more} if each["code"] == code else each for each in entries]
        save(name, {name: changed}, seen=policies.version(), actor=admin_actor, now=now)

    return change
