"""The translations: complete, true to the program's present texts, and compiled as they stand."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from django.conf import settings

ROOT = Path(__file__).parents[1]
TAG = re.compile(r"</?[a-z][^>]*>|`[^`]+`")


@pytest.fixture(scope="module")
def make() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "make-messages"))


@pytest.fixture(scope="module")
def german(make: dict[str, Any]) -> Catalog:
    with make["files"]("de")[0].open("rb") as file:
        return read_po(file, locale="de")


def told(german: Catalog) -> list[tuple[Message, list[tuple[str, str]]]]:
    """Each message with its pairs of text and translation: one, or for a counted one two."""
    return [
        (
            each,
            list(zip(each.id, each.string, strict=True)) if each.pluralizable else [(each.id, each.string)],
        )
        for each in german
        if each.id
    ]


def test_there_is_a_translation_for_each_language_but_english(make: dict[str, Any]) -> None:
    assert {code for code, _name in settings.LANGUAGES} == {"en", *make["LANGUAGES"]}


def test_the_file_has_the_programs_present_texts(make: dict[str, Any]) -> None:
    kept = make["files"]("de")[0].read_bytes()
    assert make["written"](make["updated"]("de")) == kept, "texts have changed: run `make messages`"


def test_what_the_program_reads_is_compiled_from_it(make: dict[str, Any]) -> None:
    compiled = make["compiled"](make["updated"]("de"))
    assert make["files"]("de")[1].read_bytes() == compiled, "run `make messages`"


def test_every_text_is_translated(german: Catalog) -> None:
    empty = [each.id for each, pairs in told(german) if not all(there for _here, there in pairs)]
    assert not empty
    assert not [each.id for each, _pairs in told(german) if each.fuzzy]


def test_a_translation_has_the_places_of_its_text(german: Catalog) -> None:
    wrong = [(each.id, str(error)) for each in german if each.id for error in each.check(german)]
    assert not wrong
    missing = []
    for each, pairs in told(german):
        places = set(re.findall(r"%\(\w+\)[a-z]", " ".join(here for here, _there in pairs)))
        # The singular may say "one" where the plural has a number.
        missing += [
            each.id for _here, there in pairs[-1:] if set(re.findall(r"%\(\w+\)[a-z]", there)) != places
        ]
    assert not missing


def test_a_translation_has_the_tags_and_commands_of_its_text(german: Catalog) -> None:
    wrong = [
        (here, there)
        for _each, pairs in told(german)
        for here, there in pairs
        if sorted(TAG.findall(here)) != sorted(TAG.findall(there))
    ]
    assert not wrong


def test_german_speaks_formally_and_puts_its_own_quotation_marks(german: Catalog) -> None:
    texts = [there for _each, pairs in told(german) for _here, there in pairs]
    assert not [text for text in texts if re.search(r"\b(?:du|dir|dich|dein\w*|euer|eure\w*)\b", text)]
    assert not [text for text in texts if "”" in text or ("“" in text and "„" not in text)]
