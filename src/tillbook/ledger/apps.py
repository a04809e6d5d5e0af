from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "tillbook.ledger"
    label = "ledger"
