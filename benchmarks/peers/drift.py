"""Evidently's data drift with its defaults, on pairs of tables of a folder.

``N-reference.csv`` and ``N-current.csv`` are a pair. It prints, as one JSON list on the last line,
which columns of each pair drifted. Installed for the benchmark alone: pip install evidently.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


def main() -> None:
    """Compare each pair."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder
    n_pairs = len([*folder.glob("*-current.csv")])
    sys.stdout.write("\n" + json.dumps([drifted(folder, i) for i in range(n_pairs)]) + "\n")


def drifted(folder: Path, pair: int) -> list[str]:
    """Return the columns of a pair that drifted."""
    import pandas as pd
    from evidently import Report
    from evidently.presets import DataDriftPreset

    tables = [pd.read_csv(folder / f"{pair}-{side}.csv") for side in ("current", "reference")]
    made = Report([DataDriftPreset()]).run(*tables).dict()
    found = []
    for metric in made["metrics"]:
        config = metric["config"]
        if not config["type"].endswith("ValueDrift"):
            continue
        is_distance = "p_value" not in config["method"]
        beyond = metric["value"] >= config["threshold"]
        if beyond == is_distance:
            found.append(config["column"])
    return found


if __name__ == "__main__":
    main()
