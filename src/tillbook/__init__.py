"""Tillbook: the credit a shop owes its customers, and the refunds that pay it out."""
