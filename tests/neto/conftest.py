"""A client of the old wire: an API key, and what it sends as JSON or as XML."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.http import HttpResponse
from django.test import Client

from tests.api.shop_server import Server
from tillbook.common.actor import Actor, Role, Scope
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.neto.edge import limiter
from tillbook.staff import keys
from tillbook.staff import services as staff
from tillbook.staff.models import User


class Integration:
    """Calls actions with one API key."""

    def __init__(self, secret: str, username: str) -> None:
        self.headers = {"NETOAPI_KEY": secret, "NETOAPI_USERNAME": username}
        self._client = Client(raise_request_exception=False)

    def send(self, action: str, body: bytes, **headers: str) -> HttpResponse:
        sent = self.headers | {"NETOAPI_ACTION": action} | headers
        return self._client.generic(
            "POST", "/do/WS/NetoAPI", body, content_type="application/json",
            **{f"HTTP_{name.replace('-', '_').upper()}": value for name, value in sent.items()},
        )  # fmt: skip

    def call(self, action: str, body: Any, **headers: str) -> dict[str, Any]:
        """The answer to a call in JSON, which HTTP says 200 to."""
        response = self.send(action, json.dumps(body).encode(), **{"Accept": "application/json"} | headers)
        assert response.status_code == 200
        return response.json()

    def get(self, action: str, **wanted: Any) -> list[dict[str, Any]]:
        """What a Get action finds."""
        told = self.call(action, {"Filter": wanted})
        assert (told["Ack"], told["Messages"]) == ("Success", {})
        return told[action.removeprefix("Get")]

    def do(self, action: str, **fields: Any) -> dict[str, Any]:
        """Change one thing; what is told of it."""
        name = (
            "Customer" if action == "RecalculateBalance" else action[3:] if action[0] == "A" else action[6:]
        )
        told = self.call(action, {name: [fields]})
        assert (told["Ack"], told["Messages"]) == ("Success", {})
        (made,) = told[name]
        return made

    def refused(self, action: str, **fields: Any) -> str:
        """What a change is refused with."""
        name = action[3:] if action[0] == "A" else action[6:]
        told = self.call(action, {name: [fields]})
        assert (told["Ack"], told[name]) == ("Error", [])
        (error,) = told["Messages"]["Error"]
        assert error["SeverityCode"] == "Error"
        return error["Message"]

    def xml(self, action: str, body: str, **headers: str) -> ET.Element:
        """The answer to a call in XML."""
        response = self.send(action, body.encode(), **headers)
        assert (response.status_code, response["Content-Type"]) == (200, "text/xml; charset=utf-8")
        return ET.fromstring(response.content)  # noqa: S314 - our own answer


NewIntegration = Callable[..., Integration]


@pytest.fixture
def new_integration(system_actor: Actor, now: datetime) -> NewIntegration:
    """Makes an integration of a user with some scopes; all of them, if none is named."""
    limiter.cache_clear()

    def made(actor: Actor, *scopes: Scope) -> Integration:
        owner = User.objects.get(pk=actor.user_id)
        _, secret = keys.add_key(
            owner=owner, name="neto", scopes=scopes or list(Scope), actor=system_actor, now=now
        )
        return Integration(secret, owner.username)

    return made


@pytest.fixture
def integration(new_integration: NewIntegration, admin_actor: Actor) -> Integration:
    """An admin's integration with every scope."""
    return new_integration(admin_actor)


@pytest.fixture
def customer(db: None, admin_actor: Actor, now: datetime) -> Customer:
    return customers.add(
        username="jo", currency="GBP", first_name="Jo", last_name="Bloggs", email="jo@example.com",
        postal_address="1 High St\nLeeds", actor=admin_actor, now=now,
    )  # fmt: skip


def line(sku: str = "MUG", quantity: int = 1, price: str = "20.00", **more: Any) -> dict[str, Any]:
    return {"SKU": sku, "Quantity": str(quantity), "UnitPrice": price, **more}


@pytest.fixture
def server(own_database, tmp_path) -> Iterator[Server]:
    running = Server(tmp_path)
    running.start()
    yield running
    running.close()


@pytest.fixture
def secret(own_database, now) -> str:
    by = {"actor": Actor.system("test"), "now": now}
    owner = staff.add_user(username="ann", role=Role.ADMIN, password="correct horse battery", **by)
    return keys.add_key(owner=owner, name="neto", scopes=[Scope.ADMIN], **by)[1]
