import math
import ssl

import pytest

from comun.figures import THIN, percent
from comun.reasons import reason


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [
        (0.29, 2, "29"),  # times 100 it is short of it in binary
        (0.99999, 2, "99,99"),
        (math.nextafter(1, 0), 0, "99"),  # however close
        (math.nextafter(1, 0), 2, "99,99"),
        (1.0, 2, "100"),
        (0.0, 2, "0"),
    ],
)
def test_a_share_is_cut_and_never_rounded_up(share: float, digits: int, text: str) -> None:
    assert percent(share, digits) == f"{text}{THIN}%"


def test_the_numbers_of_a_failed_handshake_are_not_those_of_the_system() -> None:
    assert reason(ssl.SSLZeroReturnError(6, "closed")).startswith("fallo de TLS")
