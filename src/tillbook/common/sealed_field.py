"""A column whose texts are sealed."""

from __future__ import annotations

from typing import Any

from django.db import models

from tillbook.common.sealing import seal, unseal


class SealedField(models.TextField):  # type: ignore[type-arg]  # generic for mypy alone
    """A text that is sealed in the database and open in the program. It can't be searched."""

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else seal(str(value))

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        return None if value is None else unseal(value)

    def get_lookup(self, lookup_name: str) -> Any:
        """Only whether there is one: what is sealed twice is never equal."""
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None
