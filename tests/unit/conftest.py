"""Unit tests are many and short: what was imported for them is nothing for the garbage collector to look at again."""

import gc


def pytest_collection_finish() -> None:
    gc.freeze()  # a fifth of the time of all unit tests went into visiting it
