"""Where `serve` and `demo` listen, and what they refuse before they start."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest
from django.db import connection

from tillbook.cli.serve import CannotListen, checked_endpoint, leave_database
from tillbook.staff.models import User

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which a server listens that would share it, as Tillbook's own does."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.fixture
def free() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def test_a_name_is_resolved_and_an_address_taken_as_it_is(free: int) -> None:
    assert checked_endpoint("localhost", free) == "127.0.0.1"
    assert checked_endpoint("127.0.0.1", free) == "127.0.0.1"
    assert checked_endpoint("0.0.0.0", free) == "0.0.0.0"  # noqa: S104  where it listens is the point


@pytest.mark.parametrize("host", ["", "a..b", "no such host", "shop.invalid", "x" * 70, "fe80::1%lo"])
def test_an_unknown_host_is_refused(free: int, host: str) -> None:
    with pytest.raises(CannotListen, match=f"port {free}. No such host is known.*--host"):
        checked_endpoint(host, free)


def test_another_machine_s_address_is_refused(free: int) -> None:
    with pytest.raises(CannotListen, match=f"on 192.0.2.1, port {free}. That is no address of this machine"):
        checked_endpoint("192.0.2.1", free)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])  # noqa: S104  the same
def test_a_taken_port_is_refused_even_where_it_would_be_shared(taken: int, host: str) -> None:
    with pytest.raises(CannotListen, match=f"on {host}, port {taken}. Another program listens there"):
        checked_endpoint(host, taken)


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_refused_port_is_one_line_and_nothing_was_built(
    run_process: Run, tmp_path: Path, taken: int, command: str
) -> None:
    code, shown, wrong = run_process(command, "--port", str(taken))
    assert (code, shown) == (1, "")
    assert wrong == (
        f"Tillbook can't listen on 127.0.0.1, port {taken}. "
        "Another program listens there. Stop it, or choose another --port.\n"
    )
    assert (tmp_path / "tillbook.sqlite3").stat().st_size == 0
    assert not (tmp_path / "demo-passwords.json").exists()


def test_a_database_without_tables_is_not_served(run_process: Run, free: int) -> None:
    code, shown, wrong = run_process("serve", "--port", str(free))
    assert (code, shown, len(wrong.splitlines())) == (1, "", 1)
    assert "Run `tillbook migrate` first." in wrong


def test_no_connection_stays_open_for_the_server_s_process_to_inherit(own_database: None) -> None:
    assert User.objects.count() == 0
    leave_database()
    assert connection.connection is None
    assert "default" not in getattr(connection, "_connection_pools", {})
    assert User.objects.count() == 0


@pytest.fixture
def serving(migrated: Path, tmp_path: Path, free: int) -> Iterator[subprocess.Popen[str]]:
    """A server at `free` that answers, alone in its process group."""
    shutil.copytree(migrated, tmp_path, dirs_exist_ok=True)
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("TILLBOOK_", "DJANGO_"))
    }
    process = subprocess.Popen(
        [
            sys.executable, "-c", "from tillbook.cli.main import app; app()",
            "serve", "--host", "localhost", "--port", str(free),
        ],
        env=clean | {"TILLBOOK_DATA_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        assert log_in_page(f"http://localhost:{free}/login/") == 200
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)


def test_the_panel_is_served_by_name_and_a_second_one_beside_it_is_refused(
    run_process: Run, serving: subprocess.Popen[str], free: int
) -> None:
    code, _, wrong = run_process("serve", "--host", "localhost", "--port", str(free))
    assert (code, len(wrong.splitlines())) == (1, 1)
    assert f"on localhost, port {free}. Another program listens there." in wrong
    serving.send_signal(signal.SIGINT)
    shown, _ = serving.communicate(timeout=30)
    assert shown == f"Tillbook is at http://localhost:{free}\n"


def asked(port: int, *sent: bytes) -> socket.socket:
    """A connection on which that was sent."""
    client = socket.create_connection(("localhost", port), timeout=60)
    client.sendall(b"".join(sent))
    return client


def answer_to(port: int, *sent: bytes, cut_off: bool = False) -> bytes:
    """The first line of the answer to what was sent; where it is cut off, nothing more comes."""
    with asked(port, *sent) as client:
        if cut_off:
            client.shutdown(socket.SHUT_WR)
        return client.recv(1_000).partition(b"\r\n")[0]


POST = b"POST /login/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"


def test_a_request_is_taken_whole_and_who_stalls_holds_up_nobody(
    serving: subprocess.Popen[str], free: int
) -> None:
    stalled = [asked(free, POST, b"Content-Length: 200\r\n\r\n", b"l") for _ in range(12)]
    whole = b"login=a&password=b"
    refused = b"HTTP/1.1 400 Bad Request"
    assert answer_to(free, POST, b"Content-Length: 18\r\n\r\n", whole) == b"HTTP/1.1 403 Forbidden"  # no csrf
    assert answer_to(free, POST, b"Content-Length: 19\r\n\r\n", whole, cut_off=True) == refused
    chunks = POST + b"Transfer-Encoding: chunked\r\n\r\n"
    assert answer_to(free, chunks, b"12\r\n", whole, b"\r\n0\r\n\r\n") == refused
    assert answer_to(free, chunks, b"12\r\n", whole[:5], cut_off=True) == refused
    json = chunks.replace(b"/login/", b"/api/v1/holds").replace(b"x-www-form-urlencoded", b"json")
    assert answer_to(free, json, b"2\r\n{}\r\n0\r\n\r\n") == b"HTTP/1.1 401 Unauthorized"
    assert log_in_page(f"http://localhost:{free}/login/") == 200
    for client in stalled:
        client.close()


def test_a_worker_does_not_outlive_a_server_that_was_killed(
    serving: subprocess.Popen[str], free: int
) -> None:
    workers = psutil.Process(serving.pid).children(recursive=True)
    serving.kill()
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert (len(workers) > 0, alive) == (True, [])
    assert checked_endpoint("localhost", free) == "127.0.0.1"


@pytest.mark.parametrize("_", range(4))  # a worker that heard it twice hung every second time
def test_ctrl_c_in_a_terminal_which_all_its_processes_hear_ends_it(
    serving: subprocess.Popen[str], _: int
) -> None:
    os.killpg(serving.pid, signal.SIGINT)
    assert serving.wait(timeout=25) == 0  # well before a worker that hangs is killed


def test_a_second_ctrl_c_waits_for_nothing(serving: subprocess.Popen[str]) -> None:
    (worker,) = psutil.Process(serving.pid).children()
    worker.suspend()  # it never ends what is under way
    os.killpg(serving.pid, signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        serving.wait(timeout=2)
    os.killpg(serving.pid, signal.SIGINT)
    assert serving.wait(timeout=25) == 0


def log_in_page(address: str) -> int:
    """The status of the page, once the server is up."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            with urlopen(address, timeout=60) as page:  # noqa: S310  an address of this test
                return page.status
        except (OSError, HTTPException):
            time.sleep(0.1)
    raise AssertionError("The server did not start.")
