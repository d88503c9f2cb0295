"""Train on the sample table and write the README's figures: `python docs/make_results.py`.

The results and the answer to the README's example stand between two comments each, such as
`<!-- made: results -->` and `<!-- end -->`. The options are those of `make train` without any.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
SHOWN = 8  # rows of the leaderboard, beside the baseline
BLOCK = re.compile(r"(<!-- made: ([a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)
EXAMPLE = re.compile(r"/predict -H .*? -d '(\{.*?\})'", re.DOTALL)


def train(artifacts: Path) -> Mapping[str, Any]:
    """Train into a folder as `make train` does, and return metrics.json."""
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", "src.pipelines.train_pipeline", "--quiet", "--artifacts", artifacts],
        cwd=ROOT,
        check=True,
    )
    return json.loads((artifacts / "metrics.json").read_text("utf-8"))


def results(metrics: Mapping[str, Any]) -> str:
    """Return the README's table and the sentence below it."""
    held_out = metrics["held_out"]
    unit = metrics["unit"]
    r2, rmse, mae = held_out["r2"], held_out["rmse"], held_out["mae"]
    level = next(one for one in metrics["coverage"] if one["level"] == 0.9)
    rows = [
        f"| {row['label']} | {row['r2']:.3f} ({row['r2_low']:.3f} to {row['r2_high']:.3f}) "
        f"| {row['rmse']:.2f} | {row['mae']:.2f} |"
        for row in metrics["leaderboard"]
    ]
    left_out = len(rows) - SHOWN - 1
    if left_out > 0:
        between = f"| … {left_out} more | | | |"
        rows = [*rows[:SHOWN], between, rows[-1]]
    return "\n".join(
        [
            "| cross-validation on the training rows | R² (95 % interval) | RMSE | MAE |",
            "|---|---|---|---|",
            *rows,
            "",
            f"The winner ({metrics['model']}) on the {held_out['n_samples']} held-out rows: R² "
            f"{r2['value']:.3f} (95 % interval {r2['low']:.3f} to {r2['high']:.3f}), RMSE "
            f"{rmse['value']:.2f} {unit}, MAE {mae['value']:.2f} {unit}; predicting the mean for "
            f"everyone has an RMSE of {held_out['baseline_rmse']:.2f}. The 90 % prediction "
            f"intervals hold {100 * level['coverage']:.0f} % of these rows and are "
            f"{level['mean_width']:.1f} {unit} wide.",
        ]
    )


def answer(artifacts: Path) -> str:
    """Return what a promoted run answers to the README's example, with one decimal."""
    from application import create_app
    from src.config import Settings

    app = create_app(Settings(artifacts_dir=artifacts, log_level="ERROR"))
    record = json.loads(EXAMPLE.search(README.read_text("utf-8"))[1])
    text = app.test_client().post("/predict", json=record).text
    body = json.loads(text, parse_float=lambda number: round(float(number), 1))
    lines = (
        ("ok", "prediction", "result", "unit", "target"),
        ("model_version", "warnings"),
        ("intervals",),
    )
    if sorted(sum(lines, ())) != sorted(body):
        raise SystemExit(f"The answer has the keys {sorted(body)}: arrange them in answer().")
    written = ",\n ".join(json.dumps({key: body[key] for key in line})[1:-1] for line in lines)
    return f"```json\n{{{written}}}\n```"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        metrics = train(Path(folder))
        made = {"results": results(metrics), "answer": answer(Path(folder))}
    text = README.read_text("utf-8")
    README.write_text(BLOCK.sub(lambda m: f"{m[1]}\n{made[m[2]]}\n\n{m[3]}", text), "utf-8")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
