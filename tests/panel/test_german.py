"""Every page in another language: no text of it is left in English."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Set
from html.parser import HTMLParser
from typing import Any

import pytest
from django.utils import translation
from django.utils.safestring import SafeData, mark_safe

from tests.browser.shop import Shop
from tests.browser.test_accessibility import addresses
from tests.panel.conftest import logged_in
from tillbook.common.actor import Actor
from tillbook.shop.details import GIVE_REASONS, REFUND_METHODS, RETURN_REASONS

_READ_OUT = {"aria-label", "title", "placeholder", "alt", "data-label", "data-said"}
_UNREAD = {"script", "style", "code", "pre", "time", "kbd", "textarea"}
_VOID = {"input", "img", "meta", "link", "br", "path", "rect"}
_OPEN, _CLOSE = "⟦", "⟧"

# What an address of the API or an action looks like, and labels that the settings show as they are stored.
_CODES = {"user."}
_STORED = {each.label for each in (*GIVE_REASONS, *RETURN_REASONS, *REFUND_METHODS)}

# What the people, documents and things of the shop are called, and what is spelt alike everywhere.
_NAMES = {
    *("jo", "marsh", "jo@example.com", "staff", "admin", "test", "mill", "lane", "leeds", "tillbook", "shop"),
    *(
        "gbp",
        "csv",
        "xlsx",
        "rf",
        "cr",
        "rma",
        "wh",
        "wd",
        "https",
        "example",
        "english",
        "deutsch",
        "pdf",
        "thing",
        "ls",
        "main",
        "goods",
        "coffee",
        "mt",
        "ap",
        "tillbook@localhost",
        "stripe",
        "ch",
        "nov",
        "paypal",
    ),
    # where the tests run
    *(
        "en",
        "gb",
        "europe",
        "london",
        "sqlite",
        "postgresql",
        "localhost",
        "testserver",
        "none",
        "tmp",
        "tests",
    ),
}


class _Words(HTMLParser):
    """The texts of a page that somebody sees or hears, each in a line."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._inside: list[bool] = []
        self._depth = 0  # of brackets: a text may have links in it, and other texts
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.texts += [_outside(value)[0] for name, value in attrs if name in _READ_OUT and value]
        if tag in _VOID:
            return
        classes = (dict(attrs).get("class") or "").split()
        names = {"mono", "money", "hit-name", "detail"} & set(classes)
        self._inside.append(tag in _UNREAD or bool(names))

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        text, self._depth = _outside(data, self._depth)
        if not any(self._inside):
            self.texts.append(text)


def _outside(text: str, depth: int = 0) -> tuple[str, int]:
    """What of the text stands in no brackets, where it begins in that many, and in how many it ends."""
    outside = ""
    for sign in text:
        depth += (sign == _OPEN) - (sign == _CLOSE)
        if depth == 0 and sign != _CLOSE:
            outside += sign
    return outside.strip(), depth


@pytest.fixture
def shop(staff_actor: Actor, admin_actor: Actor, now: Any) -> Shop:
    return Shop(staff_actor, now, admin=admin_actor)


@pytest.fixture
def in_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A language in which each text is itself in brackets: what stands outside was never translated."""

    def bracketed(one: Callable[..., str], place: int) -> Callable[..., str]:
        def said(*asked: Any) -> str:
            text = f"{_OPEN}{one(*asked)}{_CLOSE}"
            return mark_safe(text) if isinstance(asked[place], SafeData) else text  # noqa: S308

        return said

    real = translation._trans  # type: ignore[attr-defined]
    for name, place in (("gettext", 0), ("pgettext", 1), ("ngettext", 0), ("npgettext", 1)):
        monkeypatch.setattr(real, name, bracketed(getattr(real, name), place))


def left_out(page: str, stored: Set[str] = frozenset()) -> Iterator[str]:
    """Texts of the page with words that belong to no translated text."""
    for text in _Words(page).texts:
        plain = re.sub(
            r"\S+://\S+|/\w+/\S+|\w+\.\w+|[A-Z]+-[0-9]+", " ", text
        )  # addresses, paths, actions, numbers
        words = {word.lower() for word in re.findall(r"[^\W\d_]{2,}(?:@[\w.]+)?", plain)}
        if words - _NAMES and text.strip("·: ") not in _CODES | stored:
            yield text


def test_every_text_of_every_page_can_be_translated(shop: Shop, in_brackets: None):
    client = logged_in(shop.admin)
    pages = {**addresses(shop), "account": "/account/", "password": "/account/password/"}
    found = []
    for name, address in pages.items():
        answer = client.get(address, follow=True)
        assert answer.status_code == 200, address
        stored = _STORED if name.startswith("settings_") else frozenset()
        found += [f"{name}: {text}" for text in left_out(answer.content.decode(), stored)]
    assert not found, "\n".join(found)
