"""Which cases of a long list `make test` tries; `make test-slow` tries the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def first(n: int, cases: Iterable[Any]) -> list[Any]:
    """Return cases for ``parametrize``, of which all but the first n are slow."""
    found = []
    for k, case in enumerate(cases):
        if k < n:
            found.append(case)
        elif hasattr(case, "marks"):
            found.append(
                pytest.param(*case.values, id=case.id, marks=[*case.marks, pytest.mark.slow])
            )
        else:
            values = case if isinstance(case, tuple) else (case,)
            found.append(pytest.param(*values, marks=pytest.mark.slow))
    return found
