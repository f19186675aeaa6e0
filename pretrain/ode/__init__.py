"""Pretraining of models of vector fields."""
