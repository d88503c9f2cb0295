"""What the weights of rows count in, and what counts each row alike."""

from __future__ import annotations

from src.language import gettext as _
from src.report.facts import Facts
from src.report.wording import plain


def weighed(facts: Facts) -> list[str]:
    """Return what the rows' weights count in; nothing where none were used."""
    column = facts.run.options.get("sample_weight") if facts.run is not None else None
    if not column:
        return []
    return [
        _(
            "Rows count by their weight, %(column)s, in every fit and in the cross-validated "
            "scores that chose the model. Figures on held-out students count each row alike, and "
            "so do ranges: 9 in 10 students are 9 in 10 rows, whatever they weigh.",
            column=plain(str(column)),
        )
    ]
