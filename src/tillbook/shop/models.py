"""The shop's settings, version by version. Nothing here is ever changed or deleted."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Version(models.Model):
    """The settings that somebody saved. The newest is in effect, and holds all that was ever saved."""

    # Counted by the one who saves: of two who save at the same moment the database refuses one.
    id = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    by = models.CharField(max_length=150)
    values = (
        models.JSONField()
    )  # as `shop.values` reads and writes them; what is missing, the environment says

    class Meta:
        indexes: ClassVar = [models.Index(fields=["at"], name="shop_version_at")]

    def __str__(self) -> str:
        return f"settings {self.pk}"


class Logo(models.Model):
    """A picture that is or was the shop's logo. Versions name it by its digest."""

    digest = models.CharField(max_length=64, primary_key=True)  # SHA-256 of the picture, in hex
    kind = models.CharField(max_length=10)  # png or jpeg
    picture = models.BinaryField()
    width = models.IntegerField()  # pixels
    height = models.IntegerField()

    def __str__(self) -> str:
        return f"logo {self.digest[:8]}"
