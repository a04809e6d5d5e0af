"""Addresses of payouts and bank statements; `panel.urls` includes them."""

from __future__ import annotations

from django.urls import path

from tillbook.panel import approval_views, gateway_views, payout_views, statement_views

urlpatterns = [
    path("payouts/", payout_views.payouts, name="payouts"),
    path("payouts/new/", payout_views.payout_new, name="payout_new"),
    path("payouts/accounts/add/", payout_views.source_add, name="source_add"),
    path("payouts/<str:number>/", payout_views.payout, name="payout"),
    path("payouts/<str:number>/cancel/", payout_views.payout_cancel, name="payout_cancel"),
    path("payouts/<str:number>/file/", payout_views.payout_file, name="payout_file"),
    path("statements/", statement_views.statements, name="statements"),
    path("statements/read/", statement_views.statement_read, name="statement_read"),
    path("statements/<str:number>/", statement_views.statement, name="statement"),
    path("refunds/<str:number>/pay/", gateway_views.pay, name="refund_pay"),
    path("refunds/<str:number>/end/", gateway_views.end, name="refund_end"),
    path("refunds/<str:number>/ask/", gateway_views.ask, name="refund_ask"),
    path("refunds/<str:number>/approve/", approval_views.approve, name="refund_approve"),
    path("refunds/<str:number>/redirect/", approval_views.redirect_refund, name="refund_redirect"),
    path("refunds/<str:number>/fail/", approval_views.fail, name="refund_fail"),
    path("refunds/<str:number>/account/", approval_views.reveal, name="refund_account"),
]
