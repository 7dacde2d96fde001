"""Showing: the panel, its data, history, badges, documentation and metrics, from what was counted and noted."""
