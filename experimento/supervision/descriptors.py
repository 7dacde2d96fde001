"""How many sockets this process may have open at once."""

_RESERVED = 48  # descriptors for the records, the terminal, the ledger, the broker and the interpreter itself
_WITHOUT_LIMIT = 2_000  # Windows has no such limit


def sockets_allowed() -> int:
    """Raise the soft limit of open files as far as the system allows, and return how many sockets fit in it."""
    try:
        import resource  # noqa: PLC0415 - Unix only
    except ImportError:
        return _WITHOUT_LIMIT
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _WITHOUT_LIMIT
    wanted = _WITHOUT_LIMIT + _RESERVED if hard == resource.RLIM_INFINITY else hard
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(4, max(soft, wanted) - _RESERVED)
