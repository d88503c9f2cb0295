"""Draw the check of a made-up class as the console shows it: `python docs/make_table_picture.py`.

The picture is `docs/images/table-check.svg`, for the page "Is my table ready?".
"""

from __future__ import annotations

import io
import random
import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from rich.console import Console  # noqa: E402
from rich.terminal_theme import MONOKAI  # noqa: E402

from src.components.data_check import CheckedTable, DataCheck, DataCheckConfig  # noqa: E402
from src.pipelines.check_command import show_findings  # noqa: E402
from src.report.table_findings import HEADINGS  # noqa: E402
from src.schema.findings import NOTE, STOP, WARNING  # noqa: E402
from src.tables.reader import read_table  # noqa: E402

PICTURE = ROOT / "docs" / "images" / "table-check.svg"
COMMAND = "make check DATA=class.csv TARGET=final"
WIDTH = 104  # characters
TARGET, N_PUPILS = "final", 240
STYLES = {HEADINGS[STOP]: "bright_red", HEADINGS[WARNING]: "yellow", HEADINGS[NOTE]: "white"}
FIRST = ("Ada", "Ben", "Cem", "Dilek", "Eva", "Finn", "Gül", "Hugo", "Ida", "Jan", "Kim", "Lena")
LAST = ("Adler", "Berg", "Conrad", "Demir", "Ebert", "Fuchs", "Graf", "Huber", "Imhof", "Jung")
OFTEN = ("often", "never", "seldom")
WHAT = ("talks in class", "forgets the homework", "helps the others")


def made_up_class() -> str:
    """Return the CSV file of a class as a school may keep it, with what is usually wrong."""
    dice = random.Random(7)  # noqa: S311 - nothing is kept secret by it
    lines = ["name,gender,hours,attendance,midterm,remark,grade,final"]
    marks = []
    for _ in range(N_PUPILS):
        hours, attendance = dice.randint(0, 15), dice.randint(60, 100)
        midterm = dice.randint(35, 95)
        final = round(0.6 * midterm + hours + 0.2 * attendance + dice.gauss(0, 5))
        final = min(100, max(20, final))
        marks.append(final)
        grade = "DCBA"[sum(final >= bound for bound in (50, 65, 80))]
        name = f"{dice.choice(FIRST)} {dice.choice(LAST)}"
        remark = f"{dice.choice(OFTEN)} {dice.choice(WHAT)}; file {dice.randint(1, 99)}"
        seen = 999 if dice.random() < 0.04 else midterm
        gender = dice.choice(("female", "male", "female", "male", "Female"))
        lines.append(f"{name},{gender},{hours} h,{attendance}%,{seen},{remark},{grade},{final}")
    lines.append(f"Average,,,,,,,{sum(marks) / N_PUPILS:.2f}")
    return "\n".join(lines) + "\n"


def checked_class() -> CheckedTable:
    """Return what is found in it."""
    table = read_table(io.BytesIO(made_up_class().encode()), "class.csv")
    return DataCheck(DataCheckConfig(TARGET)).run(table)


def picture(checked: CheckedTable) -> str:
    """Return the console's lines as SVG that fetches nothing."""
    plain = io.StringIO()
    show_findings(Console(file=plain, highlight=False), checked)
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    console.print(f"$ {COMMAND}", style="bold")
    style = ""
    for line in plain.getvalue().splitlines():
        style = STYLES.get(line.rstrip(":"), style)
        heading = not line.startswith(" ")
        wrapped = textwrap.fill(line, WIDTH - 2, subsequent_indent="    ")
        console.print(wrapped, style="bold" if heading else style, markup=False)
    drawn = console.export_svg(title="The check of a table", theme=MONOKAI, unique_id="check")
    drawn = re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL).replace("Fira Code, ", "")
    return re.sub(r"\n\s*\n+", "\n", drawn).rstrip() + "\n"


if __name__ == "__main__":
    PICTURE.write_text(picture(checked_class()), encoding="utf-8")
    sys.stdout.write(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size:,} bytes\n")
