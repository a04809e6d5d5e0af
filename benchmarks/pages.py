"""The panel's pages over a large shop, beside the same pages over a small one, on PostgreSQL.

    .venv/bin/python benchmarks/pages.py [--customers 1000000] [--small 10000] [--again]

Each shop has three orders and ten transfers for each customer: one in ten has a history of a hundred,
the others have orders only. A process for each shop answers the panel's real pages, in turns, each time
about somebody or something else. Reports of such books are made beside the server: how long that takes
stands below the pages, by no goal. The databases stay; `--again` measures those of the last run.
Writes results/pages.json and results/pages.md.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import psycopg  # noqa: E402 - the project's own folder comes first

from tests.databases import embedded_server_url  # noqa: E402 - the same

RESULTS = Path(__file__).parent / "results"
ROUNDS = 40  # times that each shop is asked for a page, in turns
GOAL, MOST_MS = 1.3, 50  # large beside small; and the 95th percentile of the large one

_REPORTS = {
    "liability": "/reports/liability/?as_of=2025-06-30",
    "roll-forward": "/reports/roll-forward/?from_at=2025-06-01&as_of=2025-06-30",
    "balances": "/reports/balances/?as_of=2025-06-30",
    "unclaimed": "/reports/unclaimed/?as_of=2025-06-30",
}
_ANSWER = "import django; django.setup(); from benchmarks.pages import answer; answer()"
_FIRST = "James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara Priya Wei"
_LAST = "Smith Johnson Williams Brown Jones Garcia Miller Davis Lopez Wilson Anderson Thomas Holt Nguyen"

# Book.build makes a customer for each hundred transfers, with five orders; the others come here.
_FILL = """
INSERT INTO customers_customer (username, kind, first_name, last_name, company, email, phone, postal_address,
  country, currency, on_credit_hold, created_at)
SELECT 'shopper-' || n, CASE WHEN n % 100 = 0 THEN 'prospect' ELSE 'customer' END, '', '', '', '', '', '', '',
  'GBP', FALSE, '2025-01-06T09:00:00Z' FROM generate_series(1, {others}) AS n;
UPDATE customers_customer SET
  first_name = ('{{{first}}}'::text[])[1 + (id * 7919) % {firsts}],
  last_name = ('{{{last}}}'::text[])[1 + (id * 104729) % {lasts}] || '-' || id % 997,
  email = 'mail' || id || '@example.com', phone = '+44 ' || (7000000000 + id * 7907 % 999999999);
INSERT INTO orders_order (number, customer_id, currency, status, paid_status, shipping_minor, surcharge_minor,
  total_minor, received_minor, credit_used_minor, overpaid_minor, reversed_minor, returned_minor,
  returned_shipping_minor, returned_surcharge_minor, note, placed_at, created_at)
SELECT 'W' || n, 1 + (n * 7919) % {customers}, 'GBP', 'open',
  CASE WHEN n % 250 = 0 THEN 'part_paid' WHEN n % 50 = 0 THEN 'pending' ELSE 'fully_paid' END, 0, 0, 2500,
  CASE WHEN n % 250 = 0 THEN 1000 WHEN n % 50 = 0 THEN 0 ELSE 2500 END, 0, 0, 0, 0, 0, 0, '', at, at
FROM (SELECT n, '2025-01-06T09:00:00Z'::timestamptz + n * (interval '500 days' / {orders}) AS at
      FROM generate_series(1::bigint, {orders}) AS n) AS placed;
UPDATE refunds_refund SET status = 'completed', resolved_at = requested_at, resolved_by = 'bench'
  WHERE status = 'requested' AND id % 30 <> 0;
"""


def main() -> None:
    """Build both shops, ask for each page in turns, and write down what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--again", action="store_true", help="ask the shops that the last run built")
    asked = parser.parse_args()
    small_shop = _shop("small", asked.small, built=asked.again)
    large_shop = _shop("large", asked.customers, built=asked.again)
    with small_shop as small, large_shop as large:
        made = [(kind, small(f"make {kind}"), large(f"make {kind}")) for kind in small("reports")]
        found = [_compared(name, small, large) for name in small("names")]
    _keep(asked.customers, asked.small, found, made)


Shop = Callable[[str], Any]


@contextmanager
def _shop(name: str, customers: int, *, built: bool) -> Iterator[Shop]:
    """A process that answers for an own database of so many customers."""
    url = embedded_server_url()
    database = f"tillbook_pages_{name}"
    if not built:
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
            server.execute(f"CREATE DATABASE {database}")
    with tempfile.TemporaryDirectory(prefix="tillbook-pages-") as folder:
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tillbook.config.settings",
            "TILLBOOK_DATABASE_URL": url.replace("/postgres?", f"/{database}?"),
            "TILLBOOK_DATA_DIR": folder,
        }
        command = [sys.executable, "-c", _ANSWER]
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, env=environment, cwd=ROOT, text=True, **pipes) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            requests, answers = process.stdin, process.stdout

            def ask(what: str) -> Any:
                print(what, file=requests, flush=True)
                return json.loads(answers.readline())

            began = time.monotonic()
            ask("open" if built else f"build {customers}")
            print(f"{name}: {customers:,} customers in {time.monotonic() - began:.0f} s", flush=True)
            yield ask
            requests.close()


def _compared(name: str, small: Shop, large: Shop) -> dict[str, Any]:
    times: dict[str, list[float]] = {"small": [], "large": []}
    for _ in range(ROUNDS):
        times["small"].append(small(f"page {name}"))
        times["large"].append(large(f"page {name}"))
    median = {shop: statistics.median(each) for shop, each in times.items()}
    figure = {
        "name": name,
        "ratio": round(median["large"] / median["small"], 2),
        "goal": GOAL,
        "better": "lower",
        "ours": round(median["large"], 2),
        "raw": round(median["small"], 2),
        "p95": round(statistics.quantiles(times["large"], n=20)[-1], 2),
        "p95 small": round(statistics.quantiles(times["small"], n=20)[-1], 2),
        "unit": "milliseconds",
    }
    print(_row(figure), flush=True)
    return figure


def _keep(
    customers: int, small: int, figures: list[dict[str, Any]], made: list[tuple[str, float, float]]
) -> None:
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    run = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "commit": commit.stdout.strip(),
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "load": round(os.getloadavg()[1], 1),  # of five minutes: the run's own is about one
        "counts a million in": round(_counting(), 3),
        "customers": {"small": small, "large": customers},
        "figures": figures,
        "made beside the server, milliseconds": {kind: {"small": a, "large": b} for kind, a, b in made},
    }
    (RESULTS / "pages.json").write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")
    table = [
        f"# Pages over {customers:,} customers, beside {small:,}, on PostgreSQL",
        "",
        f"{run['machine']} · commit {run['commit']} · {run['date']} · milliseconds of the server",
        "",
        f"The machine's load was {run['load']}, of which the run's own is about one. Whatever else ran makes",
        "the milliseconds longer, and may bring the ratios nearer to one. How fast the machine is by itself:",
        f"one process counts to a million in {run['counts a million in']:.3f} s.",
        "",
        "| page | large, median | 95 % | small, median | 95 % | ratio | |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
        *[f"| {_row(figure)} |" for figure in figures],
        "",
        "Reports, whose pages above show what was made, were made beside the server in:",
        "",
        "| report | large, seconds | small, seconds |",
        "| --- | ---: | ---: |",
        *[f"| {kind} | {large / 1_000:.1f} | {little / 1_000:.1f} |" for kind, little, large in made],
    ]
    (RESULTS / "pages.md").write_text("\n".join(table) + "\n", encoding="utf-8")


def _counting() -> float:
    """Seconds that one process counts to a million: what a machine is worth for work like this."""
    began = time.perf_counter()
    number = 0
    while number < 1_000_000:
        number += 1
    return time.perf_counter() - began


def _row(figure: dict[str, Any]) -> str:
    reached = figure["ratio"] <= GOAL and figure["p95"] <= MOST_MS
    numbers = [f"{figure[each]:.1f}" for each in ("ours", "p95", "raw", "p95 small")]
    said = "reached" if reached else "ratio reached" if figure["ratio"] <= GOAL else "not yet"
    return " | ".join([figure["name"], *numbers, f"{figure['ratio']:.2f}", said])


def answer() -> None:
    """In the process of one shop: answer each line of standard input with one of JSON."""
    from django.core.management import call_command  # noqa: PLC0415 - Django is set up by now

    call_command("migrate", interactive=False, verbosity=0)
    pages: dict[str, Callable[[], str]] = {}
    client = None
    for request in sys.stdin:
        what, _, about = request.strip().partition(" ")
        if what in ("build", "open"):
            if what == "build":
                _build(int(about))
            client, pages = _logged_in(), _pages()
            told: Any = "built"
        elif what == "names":
            told = list(pages)
        elif what == "reports":
            told = list(_REPORTS)
        elif what == "make":
            told = _made(client, about)
        else:
            told = _milliseconds(client, pages[about]())
        print(json.dumps(told), flush=True)


def _build(customers: int) -> None:
    from django.db import connection  # noqa: PLC0415 - the same

    from benchmarks import book  # noqa: PLC0415 - the same

    book.build(customers * 10)
    own = customers // 10
    first, last = _FIRST.split(), _LAST.split()
    statements = _FILL.format(
        customers=customers, others=customers - own, orders=3 * customers - book.ORDERS * own,
        first=",".join(first), firsts=len(first), last=",".join(last), lasts=len(last),
    )  # fmt: skip
    with connection.cursor() as cursor:
        for statement in statements.split(";\n"):
            if statement.strip():
                cursor.execute(statement)
        cursor.execute("VACUUM ANALYZE")


def _logged_in() -> Any:
    from django.test import Client  # noqa: PLC0415 - the same
    from django.utils import timezone  # noqa: PLC0415 - the same

    from tillbook.common.actor import Actor, Role  # noqa: PLC0415 - the same
    from tillbook.staff import services as staff  # noqa: PLC0415 - the same

    user = staff.add_user(
        username=f"bench-{time.time_ns()}", role=Role.ADMIN, password="only for this run",  # noqa: S106
        actor=Actor.system("bench"), now=timezone.now(),
    )  # fmt: skip
    client = Client(SERVER_NAME="localhost")
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def _milliseconds(client: Any, path: str) -> float:
    began = time.perf_counter()
    response = client.get(path)
    took = (time.perf_counter() - began) * 1_000
    if response.status_code not in (200, 302):  # the only one that is found is opened at once
        raise SystemExit(f"{path}: {response.status_code}")
    return round(took, 3)


def _made(client: Any, kind: str) -> float:
    """Milliseconds of making the report that its page will show, as the process beside the server does."""
    from django.utils import timezone  # noqa: PLC0415 - Django is set up by now

    from tillbook.exporters import making  # noqa: PLC0415 - the same

    asked = {"from_at": "2025-06-01", "as_of": "2025-06-30", "view": "effective"}
    began = time.perf_counter()
    answered = client.post(f"/reports/{kind}/make/", asked)
    report = making.take(timezone.now())
    if answered.status_code != 302 or report is None:
        raise SystemExit(f"{kind}: {answered.status_code}")
    making.make(report, timezone.now)
    return round((time.perf_counter() - began) * 1_000, 3)


def _pages() -> dict[str, Callable[[], str]]:
    """An address of each page, another one each time it is asked for."""
    from tillbook.customers.models import Customer  # noqa: PLC0415 - the same
    from tillbook.orders.models import Order  # noqa: PLC0415 - the same
    from tillbook.refunds.models import Refund  # noqa: PLC0415 - the same

    chance = random.Random(1)  # noqa: S311 - the same pages every time
    own = Refund.objects.count() // 3
    others, bare = Customer.objects.count() - own, Order.objects.count() - 5 * own
    first, last = _FIRST.split(), _LAST.split()

    def upto(most: int) -> int:
        return chance.randrange(1, most + 1)

    def name() -> str:  # of one person in either shop: how many rows a page has weighs more than finding them
        each = upto(own + others)
        return f"{first[each * 7919 % len(first)]}+mail{each}@"

    return {
        "home": lambda: "/",
        "customers": lambda: "/customers/",
        "customers, somewhere in the middle": lambda: f"/customers/?after=shopper-{upto(others)}",
        "customers, a rare word": lambda: f"/customers/?q=mail{upto(own + others)}@",
        "customers, a common word": lambda: f"/customers/?q={chance.choice(last)}",
        "customers, two words": lambda: f"/customers/?q={name()}",
        "customers, nobody": lambda: f"/customers/?q={chance.choice(first)}+Nobody-{chance.randrange(997)}",
        "customers, prospects": lambda: "/customers/?kind=prospect",
        "customers, with credit": lambda: f"/customers/?with_credit=on&after=customer-{upto(own)}",
        "finding a name": lambda: f"/find/?q={name()}",
        "a customer with a hundred transfers": lambda: f"/customers/customer-{upto(own)}/",
        "a customer's running history": lambda: f"/customers/customer-{upto(own)}/running-history/",
        "a customer's credits": lambda: f"/customers/customer-{upto(own)}/credits/",
        "a customer with orders only": lambda: f"/customers/shopper-{upto(others)}/",
        "orders": lambda: "/orders/",
        "orders, somewhere in the middle": lambda: f"/orders/?after=W{upto(bare)}",
        "orders, part paid": lambda: "/orders/?paid_status=part_paid",
        "orders, by number": lambda: f"/orders/?q=W{upto(bare)}",
        "orders, by customer": lambda: f"/orders/?q=mail{upto(own + others)}@",
        "an order": lambda: f"/orders/W{upto(bare)}/",
        "refunds": lambda: "/refunds/",
        "refunds, all": lambda: "/refunds/?status=all",
        "refunds, of a month": lambda: f"/refunds/?status=all&from_date=2025-{upto(12):02d}-01",
        "refunds, of a customer": lambda: f"/refunds/?status=all&username=customer-{upto(own)}",
        "a refund": lambda: f"/refunds/RF-{1000 + upto(3 * own)}/",
        "a credit": lambda: f"/credits/CR-{1000 + upto(10 * own)}/",
        "RMAs": lambda: "/rmas/",
        "overpayments": lambda: "/overpayments/",
        "credits that expire": lambda: "/credits/expiring/",
        "payouts": lambda: "/payouts/",
        "activity": lambda: "/activity/",
        "checks of the book": lambda: "/book/",
        **{f"report: {kind}": lambda path=path: path for kind, path in _REPORTS.items()},
    }


if __name__ == "__main__":
    main()
