"""Alerts over a hundred thousand answers."""

import random

from monitor.watching.alerts import Receptor, follow
from tests.unit.test_alerts import DEFAULT, answers


def test_a_receptor_of_90_percent_never_flaps_with_the_default_thresholds():
    chance = random.Random(0)
    text = "A" + "".join("A" if chance.random() < 0.9 else "u" for _ in range(100_000))
    _, flips = follow(Receptor(), answers(text), DEFAULT)
    assert flips == []
