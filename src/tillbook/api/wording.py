"""What the API's description says of its groups of operations, and of parameters by their names."""

from __future__ import annotations

#: tag -> what its operations are about; in the order in which the API lists them
TAGS = {
    "Customers": "Who has credit, what they have, and the figures of theirs compared with the history.",
    "Credit": "Giving, spending, holding, restoring and expiring credit, and what it arose from.",
    "Batches": "Up to 10,000 credits or spends in one request.",
    "Overpayments": "What was paid too much, with a suggestion for each.",
    "Orders": "Placing, editing and cancelling orders.",
    "Payments": "Money that came in for orders, and taking it back.",
    "Returns": "RMAs, and the adjustment notes of those that are closed.",
    "Webhooks": "Addresses that events are sent to, and how each sending went.",
    "Refunds": "From the request to the money received: approving, completing, declining, cancelling.",
    "Customers' own page": "What customers ask for by themselves, links to their page, and their statement.",
    "Payouts": "Files that a bank pays refunds from, and the bank's statements.",
    "Gateways": "Refunds sent back through payment gateways.",
    "History": "The transfers of credit, and the events.",
    "Book": "Checks of the whole book.",
    "Settings": "What the shop has set, and where its series of numbers go on.",
    "Mails": "What customers and approvers were told.",
}

#: parameter -> what it says, where its shape says nothing
PARAMETERS = {
    "action": "Only events of that name, such as `refund.requested`.",
    "credit": "Only what belongs to the credit of that number.",
    "currency": "ISO 4217, such as `AUD`.",
    "customer": "The username of the customer whom it is about.",
    "gateway": "The short name of the payment gateway, such as `stripe`.",
    "kind": "Which kind.",
    "method": "Only refunds paid by that method: a code of the shop's own, which `GET /settings` lists.",
    "number": "The number of the one that is meant, as answers tell it.",
    "order": "Only what belongs to the order of that number.",
    "paid_status": "Only orders of which so much is paid.",
    "q": "Words to look for in names, company, e-mail and phone.",
    "reference": "Only what moved for that document: an order's number, or a name of your own.",
    "state": "Only those in that state.",
    "status": "Only those in that status.",
    "subject": "Only what happened to that number or username.",
    "username": "The customer's username.",
    "view": "By when it took effect (`effective`), or by when it was written down (`recorded`).",
}
