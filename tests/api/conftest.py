"""A shop's program: an API key, and a client that sends with it."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import Resolver404

from tillbook.api.edge import limiter
from tillbook.api.problem_responses import codes_of
from tillbook.api.problems import CONTENT_TYPE
from tillbook.api.urls import api
from tillbook.common.actor import Actor, Scope
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.staff import keys
from tillbook.staff.models import User

_PART = re.compile(r"<(?:\w+:)?(\w+)>")
_NUMBERS = itertools.count(1)


@cache
def names() -> dict[tuple[str, str], str]:
    """(method, address) -> operation."""
    return {
        (method.upper(), path): operation["operationId"]
        for path, methods in api.get_openapi_schema()["paths"].items()
        for method, operation in methods.items()
    }


def as_described(answer: Any) -> HttpResponse:
    """The answer. A problem is one that the description of its operation has."""
    try:
        route = _PART.sub(r"{\1}", answer.resolver_match.route)
    except Resolver404:
        return answer
    name = names().get((answer.request["REQUEST_METHOD"], f"/{route}"))
    if name is not None and answer.get("Content-Type") == CONTENT_TYPE and answer.status_code < 500:
        codes = codes_of(name, answer.status_code)
        assert json.loads(answer.content)["code"] in codes, (name, codes, answer.content)
    return answer


class Program:
    """Sends requests with one API key."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self._client = Client(raise_request_exception=False)

    def get(self, path: str, **parameters: Any) -> HttpResponse:
        return as_described(self._client.get(f"/api/v1{path}", parameters, headers=self._headers()))

    def post(self, path: str, body: Any, key: str | None = None, **headers: str) -> HttpResponse:
        key = key or f"k{next(_NUMBERS)}"
        return self.send("POST", path, body, **{"Idempotency-Key": key, **headers})

    def patch(self, path: str, body: Any, **headers: str) -> HttpResponse:
        return self.send("PATCH", path, body, **headers)

    def send(self, method: str, path: str, body: Any, **headers: str) -> HttpResponse:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        return as_described(
            self._client.generic(
                method, f"/api/v1{path}", text, content_type="application/json",
                headers=self._headers() | headers,
            )
        )  # fmt: skip

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}


NewProgram = Callable[..., Program]


@pytest.fixture
def new_program(system_actor: Actor, now: datetime) -> NewProgram:
    """Makes a program of a user with some scopes; all of them, if none is named."""
    limiter.cache_clear()

    def made(actor: Actor, *scopes: Scope) -> Program:
        owner = User.objects.get(pk=actor.user_id)
        _, secret = keys.add_key(
            owner=owner, name="checkout", scopes=scopes or list(Scope), actor=system_actor, now=now
        )
        return Program(secret)

    return made


@pytest.fixture
def program(new_program: NewProgram, admin_actor: Actor) -> Program:
    """An admin's program with every scope."""
    return new_program(admin_actor)


@pytest.fixture
def customer(db: None, admin_actor: Actor, now: datetime) -> Customer:
    return customers.add(username="jo", currency="GBP", actor=admin_actor, now=now)


def gbp(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "GBP"}


def told(answer: HttpResponse, status: int = 200) -> Any:
    """What an answer of that status says."""
    assert answer.status_code == status, answer.content
    return json.loads(answer.content)


def refused(answer: HttpResponse) -> tuple[int, str]:
    """The status and code of a problem."""
    assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code, json.loads(answer.content)["code"]
