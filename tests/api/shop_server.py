"""The program's own processes: `tillbook serve`, and others, with a database that only the test uses."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from tests.databases import database_url

GONE = (OSError, http.client.HTTPException)


class Program:
    """A `tillbook` command that runs until it is killed; it can be started again."""

    def __init__(self, folder: Path, *command: str) -> None:
        self._command = [str(Path(sys.executable).with_name("tillbook")), *command]
        self._environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tillbook.config.settings",
            "TILLBOOK_DATABASE_URL": database_url(),
            "TILLBOOK_DATA_DIR": str(folder / "data"),
            "TILLBOOK_API_RATE": "1000000",
            "TILLBOOK_WEBHOOK_PRIVATE_TARGETS": "true",
        }
        self._log = (folder / f"{command[0]}.log").open("w")
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdout=self._log, stderr=self._log, text=True,
            start_new_session=True,
        )  # fmt: skip

    def kill(self) -> None:
        """End it and its workers at once, as a power cut would."""
        assert self._process is not None
        with suppress(ProcessLookupError):  # it was killed already
            os.killpg(self._process.pid, signal.SIGKILL)  # the session that it was started in
        self._process.wait(timeout=30)

    def close(self) -> None:
        """End it for good."""
        self.kill()
        self._log.close()


class Server(Program):
    """`tillbook serve`, on a free port."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        super().__init__(folder, "serve", "--port", str(self.port))

    def start(self) -> None:
        """Start it, and return when it answers."""
        super().start()
        until = time.monotonic() + 120
        while time.monotonic() < until:
            with suppress(*GONE), closing(Caller(self.port, "")) as caller:
                if caller.send("GET", "/openapi.json")[0] == 200:
                    return
            time.sleep(0.02)
        raise AssertionError("the server does not answer")


class Caller:
    """One client with one connection."""

    def __init__(self, port: int, secret: str) -> None:
        self._port = port
        self._headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        self._connection: http.client.HTTPConnection | None = None

    def send(
        self, method: str, path: str, body: Any = None, key: str | None = None, *, give_up: bool = False
    ) -> tuple[int, str]:
        """(status, body) of the answer; with `give_up` the connection is closed before it comes."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        headers = self._headers | ({"Idempotency-Key": key} if key else {})
        text = None if body is None else json.dumps(body)
        try:
            self._connection.request(method, f"/api/v1{path}", text, headers)
            if give_up:
                raise ConnectionAbortedError
            answer = self._connection.getresponse()
            return answer.status, answer.read().decode()
        except GONE:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
