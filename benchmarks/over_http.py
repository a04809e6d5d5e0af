"""Hold and capture over HTTP, beside the same service calls in one process and a trivial address."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.db import connection
from django.utils import timezone

from benchmarks.figures import ROUNDS, Caller, Figure, Work, rate
from benchmarks.spends import shop
from tillbook.common.actor import Actor, Role, Scope
from tillbook.common.money import Money
from tillbook.customers.models import Customer
from tillbook.orders import checkout
from tillbook.staff import keys
from tillbook.staff import services as staff

CLIENTS = 8
_AMOUNT = {"amount": "0.01", "currency": "GBP"}
_KEYS = itertools.count()


def figures() -> Iterator[Figure]:
    """Pairs of a hold and its capture a second, from eight clients."""
    secret = _secret()
    ids = [customer_id for customer_id, _ in shop("http-")]
    names = list(Customer.objects.filter(pk__in=ids).values_list("username", flat=True))
    with _server() as port:
        over_http, in_process, trivial = [], [], []
        for _ in range(ROUNDS):
            over_http.append(rate(CLIENTS, _pairs_over_http(port, secret, names)))
            in_process.append(rate(CLIENTS, _pairs_in_process(ids)))
            trivial.append(rate(CLIENTS, _trivial(port)))
    name = "hold and capture over HTTP, eight clients"
    yield Figure(f"{name}, beside the services", "0.1", "higher", "a second", over_http, in_process)
    yield Figure(f"{name}, beside a trivial address", "0.05", "higher", "a second", over_http, trivial)


def _secret() -> str:
    by = {"actor": Actor.system("bench"), "now": timezone.now()}
    owner = staff.add_user(username="bench", role=Role.ADMIN, password="only for this run", **by)  # noqa: S106
    return keys.add_key(owner=owner, name="bench", scopes=[Scope.CREDIT], **by)[1]


@contextmanager
def _server() -> Iterator[int]:
    """A `tillbook serve` of the same database, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    program = str(Path(sys.executable).with_name("tillbook"))
    environment = {**os.environ, "TILLBOOK_API_RATE": "1000000"}
    server = subprocess.Popen([program, "serve", "--port", str(port)], env=environment, stdout=sys.stderr)
    try:
        _wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_for(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.05)
    raise SystemExit("The server does not answer.")


def _pairs_over_http(port: int, secret: str, names: list[str]) -> Caller:
    def caller() -> tuple[Work, Callable[[], None]]:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        turns = itertools.cycle(names)
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}

        def post(path: str, body: object) -> dict[str, str]:
            key = {"Idempotency-Key": f"http-{next(_KEYS)}"}
            client.request("POST", f"/api/v1{path}", json.dumps(body), headers | key)
            answer = client.getresponse()
            told: dict[str, str] = json.loads(answer.read())
            if answer.status not in (200, 201):
                raise SystemExit(f"{answer.status}: {told}")
            return told

        def work() -> int:
            held = post("/holds", {"customer": next(turns), "amount": _AMOUNT, "reference": "WEB-1"})
            post(f"/holds/{held['number']}/capture", {})
            return 1

        return work, client.close

    return caller


def _pairs_in_process(ids: list[int]) -> Caller:
    def caller() -> tuple[Work, Callable[[], None]]:
        turns = itertools.cycle(ids)
        actor = Actor.system("bench")

        def work() -> int:
            customer_id, key = next(turns), f"pair-{next(_KEYS)}"
            by = {"actor": actor, "now": timezone.now()}
            checkout.hold(customer_id=customer_id, amount=Money(1, "GBP"), reference="WEB-1", key=key, **by)
            checkout.capture(customer_id=customer_id, hold_key=key, key=f"{key}.c", **by)
            return 1

        return work, connection.close

    return caller


def _trivial(port: int) -> Caller:
    """A redirect that asks nothing of the database."""

    def caller() -> tuple[Work, Callable[[], None]]:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

        def work() -> int:
            client.request("GET", "/favicon.ico")
            client.getresponse().read()
            return 1

        return work, client.close

    return caller
