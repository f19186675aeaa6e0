"""Integrators, equilibria and their stability."""
