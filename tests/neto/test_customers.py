"""Customers over the old wire."""

from __future__ import annotations

from tillbook.customers.models import Customer
from tillbook.events.models import Event


def test_a_customer_is_told_with_sums_as_text(integration, customer):
    assert integration.get("GetCustomer", Username="jo") == [
        {
            "ID": str(customer.pk), "Username": "jo", "Type": "Customer", "EmailAddress": "jo@example.com",
            "Active": "True", "CurrencyCode": "GBP", "CreditLimit": "0.00", "OnCreditHold": "False",
            "AccountBalance": "0.00", "AvailableCredit": "0.00",
            "DateAdded": "2026-03-02 10:30:00", "DateAddedUTC": "2026-03-02 10:30:00",
            "BillingAddress": {
                "BillFirstName": "Jo", "BillLastName": "Bloggs", "BillCompany": "", "BillPhone": "",
                "BillCountry": "", "BillStreetLine1": "1 High St", "BillStreetLine2": "", "BillCity": "Leeds",
                "BillState": "", "BillPostCode": "",
            },
        }
    ]  # fmt: skip


def test_a_customer_is_added_with_all_that_there_is_a_place_for(integration):
    integration.do(
        "AddCustomer", Username="ann", Type="Prospect", EmailAddress="ann@example.com", CreditLimit="150.5",
        OnCreditHold="True", UserCustom1="kept nowhere", AccountBalance="99", BillingAddress={
            "BillFirstName": "Ann", "BillLastName": "Lee", "BillCompany": "Acme", "BillPhone": "1",
            "BillStreetLine1": "1 High St", "BillStreetLine2": "Flat 2", "BillCity": "Sydney", "BillState": "NSW",
            "BillPostCode": "2000", "BillCountry": "AU",
        },
    )  # fmt: skip
    ann = Customer.objects.get()
    assert (ann.kind, ann.email, ann.credit_limit_minor, ann.on_credit_hold) == (
        "prospect", "ann@example.com", 150_50, True,
    )  # fmt: skip
    assert (ann.first_name, ann.company, ann.country) == ("Ann", "Acme", "AU")
    assert ann.postal_address == "1 High St\nFlat 2\nSydney NSW 2000"


def test_without_a_username_the_email_is_it(integration):
    assert integration.do("AddCustomer", EmailAddress="ann@example.com") == {"Username": "ann@example.com"}
    assert integration.refused("AddCustomer", Type="Customer") == "EmailAddress is a required field."


def test_a_username_is_taken_once(integration, customer):
    assert integration.refused("AddCustomer", Username="JO").startswith("The username 'JO' is taken.")


def test_wrong_values_are_refused_and_change_nothing(integration, customer):
    assert (
        integration.refused("AddCustomer", Username="a", Type="Boss") == "Type must be Customer or Prospect."
    )
    assert (
        integration.refused("AddCustomer", Username="a", OnCreditHold="maybe")
        == "OnCreditHold must be True or False."
    )
    assert integration.refused("AddCustomer", Username="a", CreditLimit="1.234").startswith(
        "CreditLimit must be"
    )
    assert integration.refused("AddCustomer", Username={"a": "b"}) == "Username must be one value."
    assert integration.refused("UpdateCustomer", Username="bob") == "There is no customer 'bob'."
    assert Customer.objects.count() == 1


def test_what_is_left_out_of_an_update_stays(integration, customer):
    integration.do("UpdateCustomer", Username="jo", OnCreditHold="y", BillingAddress={"BillCompany": "Acme"})
    jo = Customer.objects.get()
    assert (jo.on_credit_hold, jo.company, jo.first_name, jo.credit_limit_minor) == (True, "Acme", "Jo", None)
    assert jo.postal_address == "1 High St\nLeeds"


def test_what_was_read_and_is_sent_back_changes_nothing(integration, customer):
    Customer.objects.update(postal_address="1 High St\nFlat 2\nBack door\nLeeds")
    before = Event.objects.count()
    (told,) = integration.get("GetCustomer", Username="jo")
    integration.do("UpdateCustomer", **told)
    assert Event.objects.count() == before


def test_an_empty_value_clears_a_text(integration, customer):
    integration.do("UpdateCustomer", Username="jo", EmailAddress="", BillingAddress={"BillLastName": ""})
    jo = Customer.objects.get()
    assert (jo.email, jo.last_name, jo.first_name) == ("", "", "Jo")


def test_filters_find_who_was_asked_for(integration, customer):
    integration.do(
        "AddCustomer", Username="ann", Type="Prospect", EmailAddress="Ann@example.com", OnCreditHold="True"
    )

    def found(**wanted):
        return [each["Username"] for each in integration.get("GetCustomer", **wanted)]

    assert found(Username=["jo", "ann", "bob"]) == ["jo", "ann"]
    assert found(Email="ann@EXAMPLE.com") == ["ann"]
    assert found(Type="Prospect") == ["ann"]
    assert found(OnCreditHold="False") == ["jo"]
    assert found(ID=[str(customer.pk), "x"]) == ["jo"]
    assert found(Active="False") == []
    assert found(DateAddedTo="2026-03-02 10:30:00") == ["jo"]
    assert found(DateAddedFrom="2026-03-02 10:30:01") == ["ann"]
