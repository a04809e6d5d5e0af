"""Addresses of the users' pages; `panel.urls` includes them."""

from __future__ import annotations

from django.urls import path

from tillbook.panel import password_views, user_views

urlpatterns = [
    path("users/", user_views.users, name="users"),
    path("users/add/", user_views.user_add, name="user_add"),
    path("users/<int:user_id>/", user_views.user, name="user"),
    path("users/<int:user_id>/switch/", user_views.user_switch, name="user_switch"),
    path("users/<int:user_id>/link/", user_views.user_link, name="user_link"),
    path("users/<int:user_id>/reset-second-factor/", user_views.user_reset, name="user_reset"),
    path("users/<int:user_id>/end-session/", user_views.user_end_session, name="user_end_session"),
    path("password/<str:uid>/<str:token>/", password_views.choose, name="password_choose"),
]
