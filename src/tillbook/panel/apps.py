from django.apps import AppConfig


class PanelConfig(AppConfig):
    name = "tillbook.panel"
    label = "panel"
