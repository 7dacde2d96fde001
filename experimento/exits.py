"""Exit codes of every command, the same everywhere."""

from enum import IntEnum


class Exit(IntEnum):
    """What a command's exit status means; the codes from 64 up are those of BSD `sysexits.h`."""

    MET = 0  # requirement met, or the command did what was asked
    NOT_MET = 1  # requirement not met
    INCONCLUSIVE = 2  # not enough evidence for either
    BROKEN = 3  # the accounting does not add up: something lost, duplicated or unexpected
    INCOMPARABLE = 4  # runs that differ in more than the system, so that their difference says nothing of it
    USAGE = 64  # the command or its configuration was wrong
    UNAVAILABLE = 69  # a service that is needed does not answer
    INTERNAL = 70  # a defect of ours
    DENIED = 77  # the service asks for a token that was not given, or was a wrong one
    INTERRUPTED = 130  # Ctrl-C
