"""The WSGI application of `tillbook serve`, as its worker process makes it.

On the embedded database it sends webhooks and asks payment gateways by itself: threads of the one server
process do it, so that a shop on one machine has nothing else to run. On PostgreSQL `tillbook deliver` is a
process of its own.
"""

from __future__ import annotations

import os
import signal
import threading
from multiprocessing import parent_process
from multiprocessing.util import Finalize

from django.utils import timezone

from tillbook.common.bodies import Application
from tillbook.config.wsgi import application
from tillbook.delivery.running import deliver
from tillbook.payouts.asking import keep_asking


def answering() -> Application:
    """The application, in a process that leaves Ctrl-C to its parent, and ends with it.

    A terminal sends it to both, and the parent then stops the worker: told twice, the worker never ends.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    threading.Thread(target=_end_with_parent, name="end_with_parent", daemon=True).start()
    return application


def _end_with_parent() -> None:
    """End when the parent was killed: the worker would go on alone, and keep the port from the next one."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # what is under way is done whole or not at all, as if the worker itself had been killed


def sending() -> Application:
    """The application, once webhooks are being sent and gateways asked beside it."""
    answered = answering()
    # When the worker ends they are told to, before the threads of their pools are waited for.
    stop = threading.Event()
    Finalize(stop, stop.set, exitpriority=10)
    for run in (deliver, keep_asking):
        threading.Thread(target=run, args=(timezone.now, stop), name=run.__name__, daemon=True).start()
    return answered
