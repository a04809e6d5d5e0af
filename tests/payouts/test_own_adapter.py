"""The adapter that docs/gateways.md shows as an example works as it stands there."""

from __future__ import annotations

import hmac
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.payouts.gate import Gate, states
from tests.payouts.stripe_server import serving
from tillbook.payouts import gateway_accounts, sendings
from tillbook.payouts.gateways.adapter import GatewayRefuses, WrongSignature
from tillbook.payouts.gateways.registry import GATEWAYS, Gateway

pytestmark = pytest.mark.django_db

PAGE = Path(__file__).parent.parent.parent / "docs" / "gateways.md"


@dataclass
class Acme:
    """Pays a key once."""

    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)
    next: list[str] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    acme: Acme

    def do_GET(self) -> None:
        found = self.acme.refunds.get(self.path.rpartition("/")[2])
        self._answer(404 if found is None else 200, found or {})

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
        made = {"id": f"acme{len(self.acme.refunds)}", "state": "paid", "key": sent["key"], "sent": sent}
        made = self.acme.refunds.setdefault(sent["key"], made)
        self._answer(503 if self.acme.next and self.acme.next.pop() == "503 after" else 200, made)

    def _answer(self, status: int, said: dict[str, Any]) -> None:
        if self.headers["authorization"] != "Bearer right":
            status, said = 401, {}
        text = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch, impatient: None) -> Iterator[tuple[Acme, str]]:
    """The page's code as a module that the registry names, and the gateway that it speaks to."""
    code = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    module = ModuleType("acme_of_the_docs")
    exec(compile(code[0], str(PAGE), "exec"), module.__dict__)  # noqa: S102
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(
        GATEWAYS, "acme", Gateway("acme", "Acme Pay", "https://api.acme.example", module.__name__)
    )
    acme = Acme()
    with serving(type("Handler", (_Handler,), {"acme": acme})) as url:
        yield acme, url


@pytest.fixture
def gate(staff_actor, admin_actor, now, acme) -> Gate:
    gate = Gate(staff_actor, admin_actor, now)
    gateway_accounts.set_account(
        "acme", secret="right", webhook_secret="w", api_base=acme[1], actor=admin_actor, now=now
    )
    return gate


@pytest.mark.parametrize("how", [[], ["503 after"]])
def test_it_pays_once(gate: Gate, acme, how: list[str]):
    acme[0].next = list(how)
    refund = gate.refund("charge1", gateway="acme")
    sending = gate.send(refund)
    assert sending.state == ("unknown" if how else "succeeded")
    gate.ask(minutes=1)
    assert states(refund) == ("completed", "succeeded")
    (paid,) = acme[0].refunds.values()
    assert paid["sent"] == {"key": sending.key, "charge": "charge1", "amount": "12.34", "currency": "GBP"}
    gate.check_book()


def test_an_amount_that_it_can_t_write_has_failed_unsent(gate: Gate, acme):
    """Acme writes two decimals, and a dinar has three."""
    refund = gate.refund("charge1", 1_234, gateway="acme", currency="KWD")
    sending = gate.send(refund)
    assert states(refund) == ("failed", "failed")
    assert sending.problem == "An amount in KWD can't be that exact there."
    gate.ask(minutes=1)
    assert not acme[0].refunds
    gate.check_book()


def test_an_amount_of_three_decimals_that_it_can_write_is_paid(gate: Gate, acme):
    refund = gate.refund("charge1", 1_230, gateway="acme", currency="KWD")
    gate.send(refund)
    assert states(refund) == ("completed", "succeeded")
    (paid,) = acme[0].refunds.values()
    assert (paid["sent"]["amount"], paid["sent"]["currency"]) == ("1.23", "KWD")


def test_its_secret_is_checked_and_its_events_are_believed(gate: Gate, acme, now):
    gateway_accounts.check_account("acme", actor=gate.admin)
    refund = gate.refund("charge1", gateway="acme")
    gateway_accounts.set_account("acme", secret="wrong", actor=gate.admin, now=now)
    with pytest.raises(GatewayRefuses):
        gateway_accounts.check_account("acme", actor=gate.admin)
    sending = gate.send(refund)
    assert sending.state == "unknown"
    body = json.dumps({"id": "acme7", "state": "refused", "why": "Too old", "key": sending.key}).encode()
    with pytest.raises(WrongSignature):
        sendings.hear("acme", {"acme-signature": "0"}, body, now=now)
    signature = hmac.new(b"w", body, "sha256").hexdigest()
    sendings.hear("acme", {"acme-signature": signature}, body, now=now)
    assert states(refund) == ("failed", "failed")
