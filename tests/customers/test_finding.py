"""Customers are found by parts of words, on both databases alike, whatever was changed since."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tillbook.common.actor import Actor
from tillbook.customers import finding, queries, services
from tillbook.customers.models import Customer

pytestmark = pytest.mark.django_db

NOW = datetime.fromisoformat("2026-11-01T12:00:00+00:00")


def stored(username: str, **details: str) -> Customer:
    return Customer.objects.create(username=username, currency="GBP", created_at=NOW, **details)


def found(q: str) -> list[str]:
    return [customer.username for customer in queries.search(q)]


@pytest.mark.parametrize(
    ("q", "hit"),
    [
        ("lström", True),  # in the middle of a word
        ("HELLSTRÖM", True),
        ("he", True),  # short words begin one
        ("h", True),
        ("ll", False),
        ("e", True),  # the e-mail's first letter
        ("+6 2", True),
        ("hellström sjö", True),
        ("hellström sea", False),
        ("100%", True),
        ("00_", False),
        ('"quoted"', True),
        ("a\\b", True),
        ("a%b", False),
        ("AND", False),
        ("*", False),
        ("'", False),
        ("王小", True),  # two letters are a whole name
        ("小明", False),
        ("王小明", True),
        ("hellström", True),  # in pieces
        ("llström", True),
        ("tröms", False),
        ("@example.se", True),
        ("hellström @example.se +6", True),
        ("hellström @example.se 61", False),
        ("hellströms", False),
        ("e@example.com", False),
        ('"quoted', True),
        ("'quoted'", False),
        ("quo'ted", False),
        ("quo\\\\ted", False),
        ('100% "quoted" a\\b', True),
        ("unrelatedunrelatedunrelatedunrelatedunrelatedunrelated", False),
    ],
)
def test_words_are_found_as_they_were_written(q: str, hit: bool) -> None:
    stored("h1", first_name="Hellström", last_name="Sjö", email="e@example.se", phone="+61 2 9999")
    stored("h2", company='100% "quoted" a\\b', first_name="王小明")
    stored("z3", company="Unrelated")
    assert (set(found(q)) & {"h1", "h2"} != set()) is hit
    assert "z3" not in found(q)


def test_a_changed_or_removed_customer_is_found_as_they_are_now(staff_actor: Actor, now: datetime) -> None:
    jo = stored("jo", last_name="Before")
    services.update_details(
        jo.pk, **dict.fromkeys(("first_name", "company", "email", "phone", "postal_address", "country"), ""),
        last_name="Afterwards",
        kind="customer", actor=staff_actor, now=now,
    )  # fmt: skip
    assert (found("before"), found("afterw")) == ([], ["jo"])
    Customer.objects.filter(pk=jo.pk).delete()
    assert found("afterw") == []


LONGER = st.text(alphabet="ab'\\\\ &|!:*王", min_size=3, max_size=14)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(LONGER, max_size=4), q=LONGER, cut=st.integers(0, 9))
def test_a_long_part_of_a_word_is_found_as_a_short_one_is(texts: list[str], q: str, cut: int) -> None:
    """What is looked for is a part of what stands there as often as not."""
    Customer.objects.all().delete()
    for place, text in enumerate(texts):
        stored(f"{place}", company=text)
    for asked in (q, *(text[cut:] for text in texts)):
        expected = [
            f"{place}"
            for place, text in enumerate(texts)
            if all(stands(word, f"{place} {text}") for word in asked.split())
        ]
        assert found(asked) == expected


def test_the_pieces_of_a_long_word_reach_its_end_and_are_not_too_many() -> None:
    assert list(finding._pieces("abcd")) == []
    assert list(finding._pieces("abcde")) == ["abcde"]
    assert list(finding._pieces("abcdefg")) == ["cdefg", "abcde"]
    assert list(finding._pieces("mail432100@")) == ["2100@", "mail4", "32100"]
    assert len(list(finding._pieces("x" * 500))) == 8


@pytest.mark.parametrize("few", [0, 1_000])
def test_a_long_word_is_found_whether_the_database_expects_few_or_many(
    monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    for place in range(3):
        stored(f"customer-{place}", company="Hellström & Co")
    monkeypatch.setattr(finding, "_FEW", few)
    assert found("hellström customer-1") == ["customer-1"]
    assert found("ellströ") == ["customer-0", "customer-1", "customer-2"]


def test_a_common_word_is_found_as_a_rare_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    people = [stored(f"common-{place}") for place in range(9)]
    rare = found("common")
    monkeypatch.setattr(finding, "_FEW", 3)
    assert found("common") == rare == [each.username for each in people]
    assert found("common n-4") == ["common-4"] == found("mon-4")


LETTERS = st.text(alphabet='abÄß "%_\\*-@.王', min_size=1, max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(LETTERS, max_size=6), q=LETTERS)
def test_what_is_found_is_what_stands_there(texts: list[str], q: str) -> None:
    Customer.objects.all().delete()
    for place, text in enumerate(texts):
        stored(f"{place}", company=text)
    expected = [
        f"{place}"
        for place, text in enumerate(texts)
        if all(stands(word, f"{place} {text}") for word in q.split())
    ]
    assert found(q) == expected


def stands(word: str, text: str) -> bool:
    word, text = word.lower(), f" {text.lower()}"
    return word in text if len(word) >= 3 else f" {word}" in text
