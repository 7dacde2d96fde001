"""Paths as a person types them (used by everything that names a file on the console)."""

from pathlib import Path


def shown_path(path: Path) -> Path:
    """Return a path as one types it from here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
