"""Invented offices of any size in which the truth is known: `pal generate` (DOMAIN.md 3.5)."""
