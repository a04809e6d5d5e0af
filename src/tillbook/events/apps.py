from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "tillbook.events"
    label = "events"
