from __future__ import annotations

from django.urls import path

from tillbook.portal import views

app_name = "portal"

urlpatterns = [
    path("", views.home, name="home"),
    path("open/", views.open_page, name="open"),
    path("open/<str:token>/", views.link, name="link"),
    path("leave/", views.leave, name="leave"),
    path("history/", views.history, name="history"),
    path("statement.pdf", views.statement, name="statement"),
    path("refund/", views.ask, name="ask"),
    path("refund/<str:number>/keep/", views.keep, name="keep"),
]
