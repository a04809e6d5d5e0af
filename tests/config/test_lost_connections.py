"""A database that was restarted meanwhile fails nobody's request."""

from __future__ import annotations

import psycopg
from django.db import connection

from tillbook.staff.models import User


def test_a_connection_whose_server_ended_is_not_handed_out(own_database: None) -> None:
    for _ in range(3):
        assert User.objects.count() == 0
        end_server_of(connection)
        assert User.objects.count() == 0


def end_server_of(wrapper) -> None:
    """Give the connection back to its pool, and end the server's side of it. SQLite has no such side."""
    if wrapper.vendor != "postgresql":
        wrapper.close()
        return
    pid = wrapper.connection.info.backend_pid
    where = wrapper.connection.info.dsn
    wrapper.close()
    with psycopg.connect(where, autocommit=True) as other:
        assert other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid]).fetchone() == (True,)
