"""Clustering in random samples: false alarms are rare, and the closed form is what resampling tends to."""

import numpy as np
import pytest

from experimento.judgement.intervals import design_effect, is_clustered


def test_independent_failures_are_rarely_taken_for_groups() -> None:
    rng = np.random.default_rng(5)
    alarms = sum(is_clustered(rng.random(1000) < 0.02) for _ in range(400))
    assert alarms <= 400 * 0.05


def test_the_closed_form_is_the_limit_of_resampling_blocks() -> None:
    rng = np.random.default_rng(7)
    series = (np.convolve(rng.standard_normal(640), np.ones(12), "valid")[:600] > 5).astype(float)
    effects = []
    for length in (2, 4, 8, 16, 32):
        starts = rng.integers(0, 600 - length + 1, (5_000, 600 // length))
        sums = np.concatenate(([0], np.cumsum(series)))
        means = (sums[starts + length] - sums[starts]).sum(axis=1) / (length * (600 // length))
        size = length * (600 // length)
        effects.append(means.var() * size / series.var() / (1 - length / 600))
    assert design_effect(series) == pytest.approx(max(effects), rel=0.05)
