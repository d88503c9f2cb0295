from __future__ import annotations

import numpy as np
import pytest

from src.cluster.scheduler import Scheduler
from src.cluster.workers import SOURCE, differences, timed_there, versions
from src.exception import ClusterError


def test_versions_name_what_a_fit_depends_on() -> None:
    assert versions().keys() >= {"Python", SOURCE, "numpy", "scipy", "scikit-learn", "xgboost"}


def test_a_worker_that_came_late_and_differs_refuses_the_fit() -> None:
    expected = versions() | {"catboost": "9.9.9"}
    with pytest.raises(ClusterError, match=r"catboost is .* there and 9\.9\.9 here"):
        timed_there(1, 2, task=lambda data, item: data + item, expected=expected)
    result, _ = timed_there(1, 2, task=lambda data, item: data + item, expected=versions())
    assert result == 3


def test_equal_processes_do_not_differ() -> None:
    assert differences(versions(), dict(versions())) == []
    assert differences({}, {"dill": "1"}) == ["dill is 1 there and absent here"]


@pytest.mark.parametrize(
    ("n_items", "each_s", "n_slots", "sent"),
    [
        (30, 0.005, 8, False),  # the way there costs more than the fits
        (30, 2.0, 8, True),
        (30, 2.0, 2, False),  # no more workers than there are cores here
        (1, 60.0, 8, False),  # one fit is as long anywhere
    ],
)
def test_fits_go_where_they_end_sooner(
    n_items: int, each_s: float, n_slots: int, sent: bool
) -> None:
    home = Scheduler(None, "tcp://host:8786", jobs=2)  # type: ignore[arg-type]
    home.n_slots, home.n_workers = n_slots, n_slots
    assert home._is_faster_there(np.zeros(1000), n_items, each_s) is sent


def test_data_that_would_travel_for_longer_than_the_fits_stay_here() -> None:
    home = Scheduler(None, "tcp://host:8786", jobs=2)  # type: ignore[arg-type]
    home.n_slots = home.n_workers = 4
    large = np.zeros(1_000_000)
    assert not home._is_faster_there(large, 8, 0.3)
    assert home._is_faster_there(large, 8, 1.0)


def test_what_fits_took_corrects_what_they_were_thought_to_take() -> None:
    home = Scheduler(None, "tcp://host:8786", jobs=1)  # type: ignore[arg-type]
    home.n_slots = home.n_workers = 8
    assert home.map(lambda data, item: data * item, 3, [1, 2], 1e-9) == [3, 6]
    assert (home.n_here, home.n_sent) == (2, 0)
    home.fits_s, home._estimated_s = 100.0, 1.0
    assert home._is_faster_there(np.zeros(10), 8, 0.05)
    assert "All 2 fits ran in this process" in home.told()
