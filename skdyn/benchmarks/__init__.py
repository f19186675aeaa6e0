"""Benchmarks that anyone can reproduce."""
