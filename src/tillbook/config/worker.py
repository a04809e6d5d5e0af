"""The WSGI application of `tillbook serve`, as its worker process makes it.

On the embedded database it sends webhooks by itself: a thread of the one server process does it, so that a
shop on one machine has nothing else to run. On PostgreSQL `tillbook deliver` is a process of its own.
"""

from __future__ import annotations

import signal
import threading

from django.core.handlers.wsgi import WSGIHandler
from django.utils import timezone

from tillbook.config.wsgi import application
from tillbook.delivery.running import deliver


def answering() -> WSGIHandler:
    """The application, in a process that leaves Ctrl-C to its parent.

    A terminal sends it to both, and the parent then stops the worker: told twice, the worker never ends.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    return application


def sending() -> WSGIHandler:
    """The application, once webhooks are being sent beside it."""
    answered = answering()
    # When the server ends it is cut off; what it was sending is sent again.
    never = threading.Event()
    threading.Thread(target=deliver, args=(timezone.now, never), name="deliver", daemon=True).start()
    return answered
