"""Hold outbox, ledger and files against one another, check by check; look after dead letters."""
