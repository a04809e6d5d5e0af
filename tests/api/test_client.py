"""The Python client against a live server: it retries, and nothing happens twice."""

from __future__ import annotations

import http.server
import json
import re
import runpy
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from pytest_django.plugin import DjangoDbBlocker

from tests.api.shop_server import Server
from tests.databases import copied_database
from tillbook import client as package
from tillbook.client import Client, Refused, Unreachable, money, transport, version_of
from tillbook.common.actor import Actor, Role, Scope
from tillbook.credit.queries import balance_of
from tillbook.customers.queries import by_username
from tillbook.staff import keys
from tillbook.staff import services as staff

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def database(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    template_database: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[None]:
    """One for all: each test has customers of its own names."""
    folder = tmp_path_factory.mktemp("client")
    with django_db_blocker.unblock(), copied_database(template_database, folder):
        yield


@pytest.fixture(scope="module")
def secret(database: None) -> str:
    by = {"actor": Actor.system("test"), "now": datetime(2026, 3, 2, 10, 30, tzinfo=UTC)}
    owner = staff.add_user(username="ann", role=Role.ADMIN, password="correct horse battery", **by)
    return keys.add_key(owner=owner, name="checkout", scopes=[Scope.ADMIN], **by)[1]


@pytest.fixture(scope="module")
def server(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("server"))
    running.start()
    yield running
    running.close()


@pytest.fixture
def shop(server: Server, secret: str) -> Iterator[Client]:
    with Client(f"http://127.0.0.1:{server.port}", secret) as client:
        yield client


def test_the_written_modules_are_those_that_the_api_describes() -> None:
    written = runpy.run_path(str(ROOT / "scripts" / "make-client"))["written"]()
    for name, text in written.items():
        kept = (Path(package.__file__).parent / name).read_text(encoding="utf-8")
        assert kept == text, f"{name} is not what the API describes: run `make client`"


def test_a_change_of_what_somebody_changed_meanwhile_is_refused(shop: Client) -> None:
    shop.add_customer({"username": "ann", "currency": "AUD"})
    read = shop.get_customer("ann")
    assert version_of(read)
    changed = shop.change_customer("ann", {"phone": "1"}, version=version_of(read))
    assert (changed["phone"], version_of(changed) == version_of(read)) == ("1", False)
    with pytest.raises(Refused) as refused:
        shop.change_customer("ann", {"phone": "2"}, version=version_of(read))
    assert refused.value.code == "changed_meanwhile"
    lines = [{"sku": "MUG", "quantity": 1, "amount": money("20.00", "AUD")}]
    shop.place_order({"customer": "ann", "number": "N1", "currency": "AUD", "lines": lines})  # type: ignore[typeddict-item]
    order = shop.get_order("N1")
    shop.edit_order("N1", {"note": "one"}, version=version_of(order))  # type: ignore[typeddict-item]
    with pytest.raises(Refused):
        shop.edit_order("N1", {"note": "two"}, version=version_of(order))  # type: ignore[typeddict-item]
    assert shop.get_order("N1")["note"] == "one"


def test_whether_a_change_happened_is_unknown_where_its_answer_was_lost(
    shop: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.add_customer({"username": "bo", "currency": "AUD"})
    version = version_of(shop.get_customer("bo"))
    send, lost = shop._http.request, [True]

    def losing(*args: object, **more: object) -> object:
        answer = send(*args, **more)  # type: ignore[arg-type]
        if lost.pop() if lost else False:
            raise httpx.ReadError("the connection broke after the server was done")
        return answer

    monkeypatch.setattr(shop._http, "request", losing)
    with pytest.raises(Unreachable, match="perhaps by this very request"):
        shop.change_customer("bo", {"phone": "1"}, version=version)
    assert shop.get_customer("bo")["phone"] == "1"


def test_the_guide_s_example_works(shop: Client) -> None:
    shop.add_customer({"username": "jo", "currency": "AUD"}, key="jo")
    shop.give_credit(
        {"customer": "jo", "amount": money("50.00", "AUD"), "reason": "deposit"}, key="deposit-1"
    )
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text("utf-8"), re.DOTALL)
    exec(compile(example, "docs/api.md", "exec"), {"shop": shop})  # noqa: S102  the guide's own words
    balance = balance_of(by_username("jo").pk, "AUD")
    assert (balance.available_minor, balance.held_minor) == (30_00, 0)


def test_a_list_is_read_to_its_end(shop: Client) -> None:
    names = [f"reader-{number}" for number in range(5)]
    for name in names:
        shop.add_customer({"username": name})
    assert [each["username"] for each in shop.list_customers(q="reader", limit=2)] == names


def test_a_refusal_is_an_exception_with_its_code(shop: Client) -> None:
    shop.add_customer({"username": "cy", "currency": "GBP"})
    with pytest.raises(Refused, match="Only 0.00 GBP is available") as refused:
        shop.spend_credit({"customer": "cy", "amount": money("1.00", "GBP"), "reference": "WEB-1"})
    assert (refused.value.status, refused.value.code) == (409, "insufficient_credit")


def test_a_name_in_an_address_is_quoted(shop: Client) -> None:
    shop.add_customer({"username": "jo & al?", "currency": "GBP"})
    assert shop.get_customer("jo & al?")["username"] == "jo & al?"


class Flaky(http.server.BaseHTTPRequestHandler):
    """Answers only every third request, and remembers the keys that it was sent."""

    keys: list[str | None] = []
    answers = [None, (503, {}), (409, {"code": "key_in_use"}), (201, {"number": "HO-1001"})]

    def do_POST(self) -> None:
        self.keys.append(self.headers["Idempotency-Key"])
        answer = self.answers[min(len(self.keys), len(self.answers)) - 1]
        self.rfile.read(int(self.headers["Content-Length"]))
        if answer is None:
            self.close_connection = True  # no answer at all
            return
        text = json.dumps(answer[1]).encode()
        self.send_response(answer[0])
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def flaky() -> Iterator[str]:
    Flaky.keys.clear()
    with http.server.HTTPServer(("127.0.0.1", 0), Flaky) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_it_tries_again_with_the_same_key_until_there_is_an_answer(flaky: str) -> None:
    body = {"customer": "jo", "amount": money("1.00", "GBP"), "reference": "WEB-1"}
    waited: list[int] = []
    with Client(flaky, "tb_x", pause=waited.append) as shop:
        assert shop.hold_credit(body, key="mine") == {"number": "HO-1001"}
        assert Flaky.keys == ["mine"] * 4
        shop.hold_credit(body)
        shop.hold_credit(body)
    made = Flaky.keys[4:]
    assert len(set(made)) == 2 and None not in made


def test_what_is_no_answer_of_the_api_leaves_unknown_whether_it_happened(
    flaky: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"customer": "jo", "amount": money("1.00", "GBP"), "reference": "WEB-1"}
    with Client(flaky, "tb_x", pause=lambda _: None) as shop:
        monkeypatch.setattr(Flaky, "answers", [(504, {})])
        with pytest.raises(Unreachable, match="504"):
            shop.hold_credit(body)
        monkeypatch.setattr(Flaky, "answers", [(503, {"code": "busy", "detail": "Later"})])
        with pytest.raises(Refused, match="Later"):
            shop.hold_credit(body)
    assert len(Flaky.keys) == 2 * transport.ATTEMPTS


def test_it_says_so_when_nobody_answers() -> None:
    waited: list[int] = []
    with (
        Client("http://127.0.0.1:9", "tb_x", pause=waited.append) as shop,
        pytest.raises(Unreachable, match="No answer"),
    ):
        shop.get_customer("jo")
    assert len(waited) == transport.ATTEMPTS - 1


def test_it_waits_as_long_as_it_is_asked_to_and_longer_each_time() -> None:
    assert transport._wait(1, "7") == 7_000
    assert transport._wait(1, "9999") == 60_000
    waits = [transport._wait(attempt) for attempt in range(1, 12)]
    assert all(100 * 2**n <= wait <= 200 * 2**n for n, wait in enumerate(waits[:6], 1))
    assert max(waits) <= 30_000


def test_the_client_needs_no_django() -> None:
    source = Path(package.__file__).parent
    for module in source.glob("*.py"):
        imported = re.findall(r"^\s*(?:from|import) (\S+)", module.read_text("utf-8"), re.MULTILINE)
        assert {each.split(".")[0] for each in imported} <= {
            "__future__", "collections", "httpx", "random", "tillbook", "time", "types", "typing", "urllib", "uuid",
        }  # fmt: skip
        assert [each for each in imported if each.startswith("tillbook") and "client" not in each] == []


@pytest.mark.parametrize(
    ("status", "code"), [(409, "key_in_use"), (429, "throttled"), (401, "not_authenticated")]
)
def test_after_a_lost_answer_no_refusal_says_that_nothing_was_done(
    shop: Client, monkeypatch: pytest.MonkeyPatch, status: int, code: str
) -> None:
    lost = [httpx.ReadTimeout("no answer within the time")]

    def answering(method: str, path: str, **more: object) -> httpx.Response:
        if lost:
            raise lost.pop()
        return httpx.Response(status, json={"code": code, "detail": "No."})

    monkeypatch.setattr(shop._http, "request", answering)
    with pytest.raises(Unreachable, match=f"Status {status}, after"):
        shop.add_customer({"username": "bo", "currency": "AUD"})
    with pytest.raises(Refused) as refused:  # the first attempt: it is the API's word
        shop.add_customer({"username": "bo", "currency": "AUD"})
    assert refused.value.code == code


def test_a_page_of_what_stands_before_the_api_is_no_answer(
    shop: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = httpx.Response(200, text="<html>", request=httpx.Request("GET", "http://shop.example"))
    monkeypatch.setattr(shop._http, "request", lambda *_, **__: page)
    with pytest.raises(Unreachable, match="no JSON"):
        shop.get_customer("bo")


def test_a_read_whose_answer_was_lost_changed_nothing(shop: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = [httpx.ReadTimeout("no answer within the time")]

    def answering(method: str, path: str, **more: object) -> httpx.Response:
        if lost:
            raise lost.pop()
        return httpx.Response(401, json={"code": "not_authenticated", "detail": "No."})

    monkeypatch.setattr(shop._http, "request", answering)
    with pytest.raises(Refused):
        shop.get_customer("bo")
