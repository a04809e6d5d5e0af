"""AddRefund, GetRefund, UpdateRefund: the platform never had them; they are in its style."""

from __future__ import annotations

from django.db.models import QuerySet

from tillbook.common.actor import Permission
from tillbook.common.errors import InvalidInput
from tillbook.common.money import Money
from tillbook.common.numbering import row_id
from tillbook.credit.queries import by_number as credit_by_number
from tillbook.customers.models import Customer
from tillbook.customers.queries import by_username
from tillbook.neto import methods
from tillbook.neto.calls import Call, Item, between, change, page, selected
from tillbook.neto.fields import Fields, numbered, told_moment, told_money
from tillbook.neto.wire import Tree
from tillbook.orders.charges import Charge
from tillbook.refunds import services
from tillbook.refunds.accounts import mask
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee
from tillbook.refunds.queries import by_number
from tillbook.shop.policies import shop


def get(call: Call) -> Tree:
    call.actor.require(Permission.VIEW)
    rows = page(call.filter, _found(call.filter))
    return {"Refund": selected(call.filter, [told(row) for row in rows], ("RefundID", "RefundNumber"))}


def _found(wanted: Fields) -> QuerySet[Refund]:
    rows = Refund.objects.filter(kind=Refund.Kind.REFUND).select_related("customer").order_by("pk")
    if numbers := wanted.texts("RefundID"):
        rows = rows.filter(pk__in=[row_id("RF", numbered("RF", each)) or 0 for each in numbers])
    if usernames := wanted.texts("Username"):
        rows = rows.filter(customer__username__in=usernames)
    if statuses := wanted.texts("RefundStatus"):
        rows = rows.filter(status__in=[each.lower() for each in statuses])
    return between(wanted, "DateIssued", "requested_at", rows)


def told_short(refund: Refund, minor: int) -> Tree:
    """The refund as an RMA has it: `minor` units of it came out of the RMA's credit."""
    done = refund.resolved_at if refund.status == Refund.Status.COMPLETED else None
    return {
        "RefundID": refund.number.removeprefix("RF-"),
        "RefundAmount": told_money(minor, refund.currency),
        "PaymentMethodID": methods.number_of(refund.method),
        "PaymentMethodName": methods.name_of(refund.method),
        "DateIssued": told_moment(refund.requested_at),
        "DateRefunded": told_moment(done),
        "RefundStatus": refund.get_status_display(),
    }


def told(refund: Refund) -> Tree:
    """The refund; of the payee's account only the last characters."""
    return {
        **told_short(refund, refund.amount_minor),
        "RefundNumber": refund.number,
        "Username": refund.customer.username,
        "CurrencyCode": refund.currency,
        "PayeeName": refund.payee_name,
        "BankAccount": mask(refund.bank_account),
        "PayPalEmail": refund.paypal_email,
        "PostalAddress": refund.postal_address,
        "Gateway": refund.gateway,
        "ChargeID": refund.charge,
        "PaymentDate": "" if refund.payment_date is None else refund.payment_date.isoformat(),
        "RefundNote": refund.note,
        "DeclineReason": refund.decline_reason,
    }


def add(call: Call) -> Tree:
    return change(call, "Refund", _add)


def _add(item: Item) -> Tree:
    fields = item.fields
    customer = by_username(fields.needed("Username"))
    currency = fields.currency(customer.currency)
    amount = fields.amount("RefundAmount", currency)
    credit_id = None
    if number := fields.text("CreditID"):
        credit = credit_by_number(f"CR-{number}" if number.isdigit() else number)
        if credit.customer_id != customer.pk:
            raise InvalidInput(f"{credit.number} is another customer's.", field="CreditID")
        credit_id = credit.id
    refund = ask(item, fields, customer, amount, credit_id)
    return {"RefundID": refund.number.removeprefix("RF-")}


def ask(
    item: Item, fields: Fields, customer: Customer, amount: Money, credit_id: int | None, step: str = ""
) -> Refund:
    """Request the refund; whom and where to pay is the customer, where the fields don't say."""
    payee = Payee(
        name=fields.text("PayeeName") or customer.display_name,
        bank_account=fields.text("BankAccount"),
        paypal_email=fields.text("PayPalEmail") or customer.email,
        postal_address=fields.text("PostalAddress") or customer.postal_address,
        reference=fields.text("PayeeReference"),
    )
    key = item.key()
    today = item.call.now.astimezone(shop().time_zone).date()
    return services.request(
        customer_id=customer.pk, amount=amount, method=methods.of_refund(fields), payee=payee,
        payment_date=fields.day("PaymentDate") or fields.day("DateRefunded") or today,
        note=fields.text("RefundNote"), credit_id=credit_id,
        charge=Charge(fields.text("Gateway").strip(), fields.text("ChargeID").strip()),
        key=f"{key}/{step}" if step else key, **item.by,
    )  # fmt: skip


def update(call: Call) -> Tree:
    return change(call, "Refund", _update)


def _update(item: Item) -> Tree:
    """RefundStatus Completed or Declined; a decline says why in DeclineReason."""
    fields = item.fields
    refund = by_number(numbered("RF", fields.needed("RefundID")))
    status = fields.one_of("RefundStatus", ("Completed", "Declined"), "")
    if status == "Completed":
        services.complete(refund.pk, **item.by)
    else:
        services.decline(refund.pk, reason=fields.needed("DeclineReason"), **item.by)
    return {"RefundID": refund.number.removeprefix("RF-")}
