"""Closed-form fits of polynomial fields to a context, batched in torch: no search and nothing trained."""
