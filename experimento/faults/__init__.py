"""Faults done on purpose: the table of them, what each does, and what came of it."""
