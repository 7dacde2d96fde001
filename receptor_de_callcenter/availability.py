"""The receptor's simulated availability: pure models that turn an id into an answer."""

import hashlib
from collections.abc import Callable

from comun.messages import Status

AnswerModel = Callable[[str], Status]


def bernoulli(availability: float, seed: int) -> AnswerModel:
    """Answer AVAILABLE with probability `availability` (0 to 1), independently for each id.

    The answer is a pure function of (seed, id), so a check that is delivered twice is answered the same
    twice: 64 bits of BLAKE2b keyed with the seed, read as a fraction of 2**64.
    """
    key = seed.to_bytes(8, "big")
    limit = int(availability * 2**64)

    def answer(check_id: str) -> Status:
        digest = hashlib.blake2b(check_id.encode(), digest_size=8, key=key).digest()
        return Status.AVAILABLE if int.from_bytes(digest, "big") < limit else Status.UNAVAILABLE

    return answer
