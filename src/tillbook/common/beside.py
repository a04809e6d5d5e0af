"""Processes beside the server, for work that no request should wait for. They end with the server."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

_RUN = """
import sys, django
django.setup()
from importlib import import_module
import_module(sys.argv[1]).main()
"""
_GIVES_WAY = 10


class Place:
    """Room for one process beside this server. Hold `guard` while asking and starting."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.arguments: tuple[str, ...] = ()  # of the process that was started last
        self._process: subprocess.Popen[bytes] | None = None

    def is_taken(self) -> bool:
        """Whether a process is at work."""
        if self._process is not None and self._process.poll() is not None:
            self.wait()
        return self._process is not None

    def start(self, module: str, *arguments: str) -> None:
        """Run `main()` of the module, with Django set up; it finds `arguments` from sys.argv[2] on.

        `main` calls `give_way` first.
        """
        # Nothing of a request is in the command.
        command = [sys.executable, "-c", _RUN, module, *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)  # noqa: S603
        self.arguments = arguments

    def wait(self) -> None:
        """Return when the process has ended: a command, unlike the server, would end before it."""
        process, self._process = self._process, None
        if process is not None:
            process.wait()
            if process.stdin is not None:
                process.stdin.close()


def give_way() -> None:
    """In the process: end when the server does, with which standard input ends, and leave it the machine."""
    threading.Thread(target=_end_with_server, daemon=True).start()
    if hasattr(os, "nice"):  # not on Windows
        os.nice(_GIVES_WAY)


def _end_with_server() -> None:
    sys.stdin.read()
    os._exit(1)
