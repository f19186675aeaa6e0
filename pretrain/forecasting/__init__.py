"""Pretraining of forecasters: a library of clean recordings, prefixes cut from them, and the objective."""
