"""Reports that were made beside the server, and kept: none of it is evidence, all of it can be made again."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.db import models

from tillbook.credit.basis import View


class Report(models.Model):
    """A report that was asked for, and once it is made, all but the rows that only files have."""

    key = models.CharField(max_length=64)  # SHA-256 of what was asked, in which language
    kind = models.CharField(max_length=20)
    as_of = models.DateTimeField()
    view = models.CharField(max_length=10, choices=View)
    recorded_by = models.DateTimeField()
    currency = models.CharField(max_length=3, blank=True)
    from_at = models.DateTimeField(null=True)
    language = models.CharField(max_length=10)
    asked_by = models.CharField(max_length=150)
    asked_at = models.DateTimeField()
    tries = models.IntegerField(default=0)
    seen_at = models.DateTimeField(null=True)  # when the process at work on it last said so
    finished_at = models.DateTimeField(null=True)
    refusal = models.TextField(blank=True)  # why there is no report
    head = models.JSONField(default=dict)  # keeping.document and keeping.beginnings read it

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["key"], name="report_once")]
        indexes: ClassVar = [models.Index(fields=["kind", "-id"], name="report_newest")]

    def __str__(self) -> str:
        return f"{self.kind} {self.as_of.isoformat()}"

    @property
    def took(self) -> timedelta:
        """How long its reader waited, once it is finished."""
        return (self.finished_at or self.asked_at) - self.asked_at

    @property
    def is_made(self) -> bool:
        return self.finished_at is not None and not self.refusal


class ReportRows(models.Model):
    """Some rows of a section, in order."""

    report = models.ForeignKey(Report, models.CASCADE, db_index=False)  # the constraint begins with it
    section = models.IntegerField()  # its place in the report
    place = models.IntegerField()  # of these rows in the section: 0, 1, 2 ...
    rows = models.JSONField()  # [[cells, is a total], ...]

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["report", "section", "place"], name="report_rows_once")
        ]

    def __str__(self) -> str:
        return f"{self.report_id}: {self.section}, {self.place}"
