"""The WSGI application, for `tillbook serve` or any WSGI server."""

from __future__ import annotations

import gc
import os

from django.core.wsgi import get_wsgi_application

from tillbook.common.bodies import WholeBodies

AT_ONCE = 8  # requests: more would only wait for each other, for Python's lock and the database's

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tillbook.config.settings")
application = WholeBodies(get_wsgi_application(), at_once=AT_ONCE)

# What is loaded now stays: the collector need not look through it again and again.
gc.freeze()
