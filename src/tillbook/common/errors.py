"""Refusals: the one way a service says no.

A refusal names the fact (`InsufficientCredit`), carries a stable public `code`, a
message that a person can act on, and the input field it belongs to. It is raised
before anything is written, or inside the transaction that it rolls back.
"""

from __future__ import annotations

from typing import ClassVar

from django.utils.translation import gettext as _


class Refusal(Exception):
    """A request that the rules do not allow. Nothing was changed."""

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409  # the HTTP status that says the same, RFC 9110

    def __init__(
        self, message: str, *, field: str | None = None, cell: tuple[int, str] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.cell = cell  # where the field is a table: the row's id, and its column


class InvalidInput(Refusal):
    """A value that no state of the book could make acceptable."""

    code = "invalid_input"
    status = 422


class NotFound(Refusal):
    """The named thing does not exist."""

    code = "not_found"
    status = 404


class PermissionDenied(Refusal):
    """The actor's role, or their key's scopes, do not include this action."""

    code = "permission_denied"
    status = 403


class WrongState(Refusal):
    """The document has come to an end, cancelled or completed, and can't be moved on."""

    code = "wrong_state"


class KeyReused(Refusal):
    """The idempotency key was used before, for something else (R4)."""

    code = "key_reused"
    status = 422

    def __init__(self, key: str) -> None:
        super().__init__(
            _(
                "The idempotency key %(key)r was already used for a different request. "
                "Send a new key for a new request."
            )
            % {"key": key},
            field="key",
        )
