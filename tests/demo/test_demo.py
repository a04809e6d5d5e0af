"""The demo shop: a story for every page, told once."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest

from tillbook.common.actor import Actor, Role
from tillbook.credit.models import Credit
from tillbook.credit.queries import balance_of
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.delivery.mail_finding import Watch, find
from tillbook.delivery.models import Mail
from tillbook.demo.shop import slice_file, tell_stories
from tillbook.demo.stories import LAMP, STORIES
from tillbook.demo.users import NotADemo, ensure_users
from tillbook.events.models import Event
from tillbook.ledger.verification import verify
from tillbook.orders import overpayments
from tillbook.orders import services as orders
from tillbook.orders.models import Order
from tillbook.orders.overpayments import Why
from tillbook.orders.recalculation import recalculate
from tillbook.refunds.models import Ask, Refund
from tillbook.refunds.receipt import is_out
from tillbook.refunds.unclaimed import is_stale
from tillbook.returns.models import Rma
from tillbook.shop.policies import shop
from tillbook.staff.models import User
from tillbook.staff.services import add_user


@pytest.fixture
def told(db: None, tmp_path: Path, system_actor, now) -> Path:
    users = ensure_users(tmp_path, actor=system_actor, now=now)
    tell_stories(users, actor=system_actor, now=now)
    return tmp_path


def balances(username: str) -> tuple[int, int, int]:
    balance = balance_of(Customer.objects.get(username=username).pk, "GBP")
    return balance.available_minor, balance.held_minor, balance.owing_minor


def test_every_story_ends_in_its_exact_balances(told: Path) -> None:
    expected = {
        "ada.birch": (3105, 0, 0),
        "bruno.castel": (3705, 0, 0),
        "clara.dietz": (1605, 4000, 0),
        "dmitri.evans": (4705, 0, 0),
        "elena.fox": (0, 0, 0),
        "farid.green": (1000, 0, 0),
        "grace.holm": (2500, 2500, 0),
        "hugo.ito": (0, 0, 0),
        "iris.jansen": (6295, 0, 0),
        "jonas.kern": (1500, 0, 14995),
        "karin.lund": (5000, 0, 0),
        "marta.novak": (0, 0, 13195),
        "olga.pratt": (4295, 0, 0),
        "pavel.quist": (5000, 0, 12095),
        "quinn.reyes": (5, 0, 0),
        "rosa.steen": (9395, 0, 0),
        "samir.tran": (1598460, 0, 0),
        "tessa.umber": (3105, 0, 0),
        "uma.vale": (1705, 2605, 0),
        "victor.wells": (0, 0, 0),
        "wanda.yates": (0, 0, 0),
    }
    assert {username: balances(username) for username in expected} == expected
    assert set(STORIES) == {*expected, "nora.quill"}


def test_every_page_has_something_to_show(told: Path) -> None:
    kinds = set(Refund.objects.values_list("kind", "status"))
    assert kinds == {
        ("refund", "requested"),
        ("refund", "declined"),
        ("refund", "completed"),
        ("reversal", "requested"),
    }
    assert [each.status for each in Ask.objects.all()] == ["waiting"]
    assert set(Order.objects.values_list("paid_status", flat=True)) == set(Order.PaidStatus.values)
    assert set(Rma.objects.values_list("outcome", flat=True)) == {"awaiting", "credit"}
    assert Customer.objects.get(username="nora.quill").kind == Customer.Kind.PROSPECT
    assert Credit.objects.filter(expires_at__isnull=False).count() == 2


def test_money_goes_back_to_a_card_and_a_cheque_lies_about(told: Path, now) -> None:
    back = Refund.objects.get(customer__username="uma.vale")
    assert (back.method, back.gateway, back.status) == ("gateway", "stripe", "requested")
    cheque = Refund.objects.get(customer__username="victor.wells")
    assert is_out(cheque)
    assert is_stale(cheque, now)


def test_the_last_customer_is_told_by_files(db: None, tmp_path: Path, settings, system_actor, now) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    tell_stories(ensure_users(tmp_path, actor=system_actor, now=now), actor=system_actor, now=now)
    watch = Watch()
    find(watch, now)
    told = Mail.objects.order_by("pk").values_list("customer__username", "kind")
    assert list(told) == [
        ("wanda.yates", kind) for kind in ("credit_issued", "refund_requested", "refund_paid")
    ]


def test_with_a_mail_server_nobody_is_written_to(told: Path) -> None:
    assert not any(setting.on for setting in shop().mails.values())


def test_the_overpayments_show_every_suggestion(told: Path) -> None:
    assert {each.why for each in overpayments.page()} == set(Why)


def test_the_book_agrees_with_itself(told: Path, system_actor: Actor, now) -> None:
    assert verify().broken == []
    for customer in Customer.objects.all():
        result = recalculate(customer.pk, repair=False, actor=system_actor, now=now)
        assert not result.differences, customer.username


def test_a_second_run_finds_the_same_shop_and_the_same_passwords(told: Path, system_actor, now) -> None:
    file = told / "demo-passwords.json"
    before = (Event.objects.count(), file.read_text())
    later = now + timedelta(days=3)
    users = ensure_users(told, actor=system_actor, now=later)
    tell_stories(users, actor=system_actor, now=later)
    assert (Event.objects.count(), file.read_text()) == before


def test_the_passwords_open_the_accounts_and_only_the_owner_may_read_them(
    told: Path, system_actor, now
) -> None:
    users = ensure_users(told, actor=system_actor, now=now)
    assert list(users.passwords) == ["staff", "admin"]
    for username, password in users.passwords.items():
        user = User.objects.get(username=username)
        assert user.role == username
        assert user.check_password(password)
    assert stat.S_IMODE((told / "demo-passwords.json").stat().st_mode) == 0o600


def test_a_shop_with_users_of_its_own_is_not_made_a_demo(
    staff_actor: Actor, tmp_path: Path, system_actor, now
) -> None:
    with pytest.raises(NotADemo):
        ensure_users(tmp_path, actor=system_actor, now=now)
    assert User.objects.count() == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", ["user", "customer", "order"])
def test_a_shop_that_holds_anything_is_not_made_a_demo_whatever_lies_in_the_folder(
    db: None, tmp_path: Path, system_actor, now, what: str
) -> None:
    (tmp_path / "demo-passwords.json").write_text('{"staff": "pw", "admin": "pw"}')
    if what == "user":
        add_user(username="ann", role=Role.ADMIN, password="correct horse", actor=system_actor, now=now)
    else:
        customer = customers.add(username="jo", actor=system_actor, now=now)
        if what == "order":
            orders.place(
                customer_id=customer.pk, currency="GBP", lines=[LAMP], placed_at=now, key="o",
                actor=system_actor, now=now,
            )  # fmt: skip
    before = (User.objects.count(), Customer.objects.count(), Order.objects.count(), Event.objects.count())
    with pytest.raises(NotADemo, match="no demo made them"):
        ensure_users(tmp_path, actor=system_actor, now=now)
    after = (User.objects.count(), Customer.objects.count(), Order.objects.count(), Event.objects.count())
    assert after == before


def test_a_demo_whose_passwords_are_elsewhere_is_left_alone(told: Path, system_actor, now) -> None:
    (told / "demo-passwords.json").unlink()
    before = Event.objects.count()
    with pytest.raises(NotADemo, match="passwords of this database's demo are not in"):
        ensure_users(told, actor=system_actor, now=now)
    assert (Event.objects.count(), list(told.iterdir())) == (before, [])


def test_the_slice_is_there() -> None:
    assert slice_file().name == "online-retail-slice.csv"
