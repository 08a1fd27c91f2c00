"""Frozen report values."""
