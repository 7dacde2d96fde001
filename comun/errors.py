"""The suite's errors: one root, each class one sentence that says when it is raised."""


class SuiteError(Exception):
    """Root of every error the suite raises on purpose."""

    retry_after: int | None = None  # seconds after which trying again makes sense; None: it never does


class ConfigurationError(SuiteError):
    """Raised when a setting's value is not allowed; the text names the variable, the value and what is."""


class AccessDenied(SuiteError):
    """Raised when a service answers nothing but 401 or 403: what it would have done with a request is not known."""


class MalformedMessage(SuiteError):
    """Raised when a message or an id breaks the format; retrying it can never help."""


class StoreUnavailable(SuiteError):
    """Raised when the broker's store did not answer within the time allowed."""

    retry_after = 2


class AcceptanceUncertain(StoreUnavailable):
    """Raised when the write of a check to the outbox was not confirmed: it is there once or not at all."""

    def __init__(self, message: str, check_id: str) -> None:
        super().__init__(message)
        self.check_id = check_id


class Overloaded(SuiteError):
    """Raised when accepting one more check would go beyond the limit of checks in flight."""

    retry_after = 1


class WrongClock(SuiteError):
    """Raised when this machine's clock shows a time that no check can have; it is waited for like an outage."""

    retry_after = 5


class FilesUnavailable(SuiteError):
    """Raised when the log manager cannot write its files or its ledger (disk full, no permission)."""

    retry_after = 1
