from __future__ import annotations

import time

import numpy as np
import pytest

from src.exception import ConfigurationError
from src.search.folds import quiet_fits, split_rows
from src.search.home import HERE


def test_a_fit_that_fails_leaves_no_other_at_work() -> None:
    """T1: a thread in the middle of a fit crashed the Python that the failure ended."""
    begun, ended = [], []

    def work() -> None:
        begun.append(1)
        time.sleep(0.5)
        ended.append(1)

    def fail() -> None:
        raise ValueError("20 neighbours of 10 rows")

    with pytest.raises(ValueError, match="20 neighbours"), quiet_fits(jobs=2):
        HERE.map(lambda _, one: one(), None, [work, fail])
    assert begun == ended


def test_folds_of_fewer_than_two_rows_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="5 folds have fewer than two of the 9") as raised:
        split_rows(np.zeros(9), 5, random_state=0)
    assert raised.value.setting == "folds"


def test_folds_keep_groups_whole() -> None:
    groups = np.repeat(np.arange(6), 5)
    for train, test in split_rows(np.zeros(30), 3, random_state=0, groups=groups):
        assert not {*groups[train]} & {*groups[test]}
        assert len(train) + len(test) == 30
