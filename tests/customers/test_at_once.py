"""Two people who add the same customer at the same moment: one of them does."""

from __future__ import annotations

from datetime import datetime
from importlib import import_module

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from tests.databases import at_once
from tillbook.common.actor import Actor, Role
from tillbook.customers import services
from tillbook.customers.models import Customer
from tillbook.customers.queries import named, reached_at

STAFF = Actor("staff", Role.STAFF, "test", 1)

pytestmark = pytest.mark.usefixtures("own_database")


def test_a_username_is_given_once_in_whatever_letter_case(now: datetime) -> None:
    spellings = ["jo", "Jo", "jO", "JO"] * 2
    outcomes = at_once(
        [lambda name=name: services.add(username=name, actor=STAFF, now=now) for name in spellings]
    )
    added = [each for each in outcomes if isinstance(each, Customer)]
    assert len(added) == 1
    assert all(isinstance(each, services.UsernameTaken) for each in outcomes if each not in added)
    assert list(Customer.objects.all()) == added


def test_a_username_and_an_address_are_found_in_whatever_letter_case(now: datetime) -> None:
    jo = services.add(username="Jo", email="Jo@Example.com", actor=STAFF, now=now)
    services.add(username="kim", actor=STAFF, now=now)
    assert list(named("jO")) == list(reached_at(["JO@example.COM", "nobody@example.com"])) == [jo]
    assert list(named("j")) == list(reached_at([""])) == list(reached_at([])) == []


def test_the_migration_names_those_who_are_in_its_way(now: datetime) -> None:
    refuse_pairs = import_module("tillbook.customers.migrations.0008_username_any_case").refuse_pairs
    (once,) = [each for each in Customer._meta.constraints if each.name == "customer_username_any_case"]
    with connection.schema_editor() as editor:
        editor.remove_constraint(Customer, once)
        refuse_pairs(apps, editor)  # nobody is
    for username in ("jo", "Jo", "kim"):
        Customer.objects.create(username=username, currency="GBP", created_at=now)
    with (
        connection.schema_editor() as editor,
        pytest.raises(ImproperlyConfigured, match="More than one is jo:"),
    ):
        refuse_pairs(apps, editor)
