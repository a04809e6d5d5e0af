"""What the API answers, shown to people: texts of several lines."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tillbook.cli import shown

Run = Callable[..., tuple[int, str, str]]  # exit code, standard output, standard error

MAIL = {"number": "ML-1", "body": "Dear  Jo,\n\nyour credit.\n", "vars": ["a", "b"]}


def test_a_single_thing_keeps_the_lines_of_a_text_indented() -> None:
    assert shown.thing(MAIL) == "number: ML-1\nbody:\n  Dear Jo,\n\n  your credit.\nvars: a, b\n"


def test_a_table_cuts_a_text_after_its_first_line() -> None:
    assert shown.table([MAIL, {"number": "ML-2", "body": "Short"}]) == (
        "number  body        vars\n"
        "ML-1    Dear Jo, …  a, b\n"
        "ML-2    Short\n"
    )  # fmt: skip


def test_so_does_a_table_within_a_thing() -> None:
    made = {"number": "ML-1", "texts": [{"kind": "paid", "body": "Dear Jo,\r\nit is paid."}]}
    assert shown.thing(made) == "number: ML-1\ntexts:\n  kind  body\n  paid  Dear Jo, …\n"


@pytest.mark.django_db
def test_a_mail_is_read_as_it_will_be_sent(run: Run) -> None:
    code, seen, wrong = run("mail", "preview", "--kind", "credit_issued")
    assert (code, wrong) == (0, "")
    lines = seen.splitlines()
    assert "body:" in lines
    assert lines[lines.index("body:") + 1].startswith("  Dear ")
    code, seen, wrong = run("settings", "show")
    assert (code, wrong, "Dear {customer}, …\n" in seen) == (0, "", True)
