"""Webhooks by commands: set up, sent by `serve` and by `deliver`, and a `deliver` that is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from tests.delivery.receiver import Got, Receiver, receiving
from tillbook.delivery.models import Endpoint

Run = Callable[..., tuple[int, str, str]]  # exit code, standard output, standard error

ALLOWED = {"TILLBOOK_WEBHOOK_PRIVATE_TARGETS": "true"}


def test_a_webhook_is_added_listed_and_removed(db: None, run: Run):
    code, shown, _ = run("webhook", "add", "https://shop.example/hooks", "--action", "order.*")
    endpoint = Endpoint.objects.get()
    assert code == 0
    assert f"secret: {endpoint.secret}\n" in shown
    assert endpoint.actions == ["order.*"]
    code, shown, _ = run("webhook", "list")
    assert (code, len(shown.splitlines())) == (0, 2)
    assert endpoint.number in shown
    assert endpoint.secret not in shown
    assert run("deliver", "--once") == (0, "0 sent.\n", "")
    assert run("webhook", "remove", endpoint.number)[0] == 0
    assert run("webhook", "list") == (0, "", "")
    assert run("webhook", "remove", endpoint.number) == (1, "", f"There is no webhook {endpoint.number}.\n")


@pytest.mark.parametrize(
    ("action", "says"),
    [
        ("bogus.*", "There is no event bogus.*. Name each action as refund.completed, or order.* for all of a kind."),
        ("orders.*", "There is no event orders.*. Is order.* meant?"),
        ("refund.complete", "There is no event refund.complete. Is refund.completed meant?"),
        ("everything", "Name each action as refund.completed, or order.* for all of a kind."),
    ],
)  # fmt: skip
def test_what_never_happens_is_not_waited_for(db: None, run: Run, action: str, says: str):
    words = ["webhook", "add", "https://shop.example/hooks", "--action", "order.*", "--action", action]
    assert run(*words) == (1, "", f"--action: {says}\n")
    assert not Endpoint.objects.exists()


def test_what_a_webhook_waits_for_already_may_stay(db: None, run: Run):
    assert run("webhook", "add", "https://shop.example/hooks", "--action", "order.*")[0] == 0
    Endpoint.objects.update(actions=["old.*"])
    number = Endpoint.objects.get().number
    assert run("webhook", "change", number, "--action", "old.*", "--no-enabled")[0] == 0
    assert run("webhook", "change", number, "--action", "older.*")[0] == 1
    assert Endpoint.objects.get().actions == ["old.*"]


def test_a_private_address_is_one_line(db: None, run: Run):
    code, shown, wrong = run("webhook", "add", "https://192.168.1.1/")
    assert (code, shown, len(wrong.splitlines())) == (1, "", 1)
    assert not Endpoint.objects.exists()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def secret(migrated: Path, run_process: Run, tmp_path: Path, receiver: Receiver) -> str:
    """Of a webhook in a data folder of its own; one event waits to be sent."""
    shutil.copytree(migrated, tmp_path, dirs_exist_ok=True)
    code, shown, wrong = run_process("webhook", "add", receiver.url + "/hooks", "--json", **ALLOWED)
    assert code == 0, wrong
    assert run_process("user", "add", "ann", "--role", "admin")[0] == 0
    secret: str = json.loads(shown)["secret"]
    return secret


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("TILLBOOK_", "DJANGO_"))
    }
    process = subprocess.Popen(
        [sys.executable, "-c", "from tillbook.cli.main import app; app()", *arguments],
        env=clean | ALLOWED | {"TILLBOOK_DATA_DIR": str(folder)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def wait_for(what: Callable[[], object]) -> None:
    for _ in range(300):
        if what():
            return
        time.sleep(0.1)
    raise AssertionError("It did not happen.")


def row(folder: Path) -> tuple[object, ...]:
    with closing(sqlite3.connect(folder / "tillbook.sqlite3")) as database:
        found: tuple[object, ...] = database.execute(
            "SELECT state, attempts FROM delivery_delivery"
        ).fetchone()
        return found


def test_serve_sends_by_itself_on_the_embedded_database(secret: str, receiver: Receiver, tmp_path: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with running(tmp_path, "serve", "--port", str(port)):
        wait_for(lambda: receiver.got)
        wait_for(lambda: row(tmp_path) == ("delivered", 1))
    [got] = receiver.got
    assert Webhook(secret).verify(got.body, got.headers)["data"]["subject"] == "user:ann"


def test_deliver_sends_until_it_is_told_to_stop(secret: str, receiver: Receiver, tmp_path: Path):
    with running(tmp_path, "deliver") as process:
        wait_for(lambda: receiver.got)
        wait_for(lambda: row(tmp_path) == ("delivered", 1))
        process.send_signal(signal.SIGTERM)
        shown, wrong = process.communicate(timeout=30)
    assert (process.returncode, shown, wrong) == (0, "", "")


def test_killed_between_sending_and_recording_it_sends_the_same_again(
    secret: str, receiver: Receiver, run_process: Run, tmp_path: Path
):
    killed = threading.Event()

    def late(_: Got) -> tuple[int, bytes]:
        killed.wait(30)
        return 204, b""

    receiver.answer = late
    with running(tmp_path, "deliver") as process:
        wait_for(lambda: receiver.got)
        process.kill()
        process.wait(30)
        killed.set()
    assert row(tmp_path) == ("pending", 0)
    assert run_process("deliver", "--once", **ALLOWED) == (0, "0 sent.\n", "")  # its claim still stands
    with closing(sqlite3.connect(tmp_path / "tillbook.sqlite3")) as database, database:
        database.execute("UPDATE delivery_delivery SET leased_until = '2026-01-01 00:00:00'")
    assert run_process("deliver", "--once", **ALLOWED) == (0, "1 sent.\n", "")
    first, second = receiver.got
    assert (first.id, first.body) == (second.id, second.body)
    assert row(tmp_path) == ("delivered", 1)
