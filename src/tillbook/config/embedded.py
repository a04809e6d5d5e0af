"""The WSGI application of `tillbook serve` on the embedded database: it sends webhooks by itself.

A thread of the one server process does it, so that a shop on one machine has nothing else to run. On
PostgreSQL `tillbook deliver` is a process of its own.
"""

from __future__ import annotations

import threading

from django.core.handlers.wsgi import WSGIHandler
from django.utils import timezone

from tillbook.config.wsgi import application
from tillbook.delivery.running import deliver


def sending() -> WSGIHandler:
    """The application, once webhooks are being sent beside it."""
    # When the server ends it is cut off; what it was sending is sent again.
    never = threading.Event()
    threading.Thread(target=deliver, args=(timezone.now, never), name="deliver", daemon=True).start()
    return application
