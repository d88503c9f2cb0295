"""Faults planted in clean tables, each with what the check of the table must find."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from src.tables.cells import word_set
from src.tables.layout import Table

Columns = dict[str, list[str]]


@dataclass(frozen=True)
class Planted:
    """A table with a fault.

    Attributes
    ----------
    kind : str
        Of the finding that must be made.
    column : str
        That it must name; empty where it names rows.
    row : int or None
        Line that it must name.
    """

    table: Table
    target: str
    kind: str
    column: str
    row: int | None = None


def clean_tables(seed: int) -> list[tuple[Columns, str]]:
    """Return four clean tables, each with its target."""
    dice = random.Random(seed)
    n = 300

    def number(low: float, high: float, decimals: int = 0) -> list[float]:
        return [round(dice.uniform(low, high), decimals) for _ in range(n)]

    def words(*choices: str) -> list[str]:
        return [dice.choice(choices) for _ in range(n)]

    def text(values: list[float]) -> list[str]:
        return [str(int(v)) if v == int(v) else str(v) for v in values]

    hours, attendance, previous = number(0, 20), number(55, 100), number(35, 99)
    course = words("none", "completed")
    final = [
        min(
            100,
            max(0, round(12 + 0.55 * p + 0.9 * h + 0.1 * a + 4 * (c != "none") + dice.gauss(0, 5))),
        )
        for p, h, a, c in zip(previous, hours, attendance, course, strict=True)
    ]
    marks = {"gender": words("female", "male"), "course": course, "study_hours": text(hours),
             "attendance": text(attendance), "previous": text(previous),
             "final": text(final)}  # fmt: skip
    scales = {f"q{i}": text(number(0.5, 5.49)) for i in range(1, 6)}
    points = [
        round(sum(int(scales[f"q{i}"][k]) * w for i, w in enumerate((0, 1, 2, 3, 1), 1))
              + dice.gauss(0, 4), 1)
        for k in range(n)
    ]  # fmt: skip
    survey = scales | {"school": words("North", "South", "West"), "points": text(points)}
    income = [round(dice.lognormvariate(7.2, 0.5)) for _ in range(n)]
    age = number(14, 19)
    score = [
        round(400 + 40 * (i / 1500) + 5 * a + dice.gauss(0, 25), 1)
        for i, a in zip(income, age, strict=True)
    ]
    homes = {"income": text([float(i) for i in income]), "age": text(age),
             "area": words("urban", "rural", "suburban"), "score": text(score)}  # fmt: skip
    clicks = number(0, 400)
    absences = [float(round(dice.expovariate(0.2))) for _ in range(n)]
    mark = [
        round(4 + c / 60 - b / 8 + dice.gauss(0, 1), 2)
        for c, b in zip(clicks, absences, strict=True)
    ]
    online = {"clicks": text(clicks), "absences": text(absences),
              "module": words("AAA", "BBB", "CCC", "DDD"), "mark": text(mark)}  # fmt: skip
    return [(marks, "final"), (survey, "points"), (homes, "score"), (online, "mark")]


def as_table(columns: Columns) -> Table:
    """Return columns as a table that was read from a file with commas."""
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    return Table(
        header=list(columns), rows=rows, lines=list(range(2, len(rows) + 2)), delimiter=","
    )


FIRST = sorted(
    word_set("Ada Ben Cora Dan Eva Finn Gina Hugo Ida Jan Kim Lena Max Nora Otto Pia Rosa Sam")
)
LAST = sorted(
    word_set("Adler Berger Conrad Dietz Ebert Fuchs Graf Huber Imhof Jung Keller Lang Meyer")
)


def _numbers(columns: Columns, target: str) -> list[str]:
    return [
        name for name, cells in columns.items()
        if name != target and len({*cells}) >= 5
        and all(cell.replace(".", "").isdigit() for cell in cells)
    ]  # fmt: skip


def _add(make: Callable[[random.Random, int], str], kind: str, *names: str) -> Callable:
    def plant(columns: Columns, target: str, dice: random.Random) -> Planted:
        name = dice.choice(names)
        cells = [make(dice, i) for i in range(len(columns[target]))]
        return Planted(as_table({name: cells} | columns), target, kind, name.replace(" ", "_"))

    return plant


def _from_target(
    make: Callable[[list[float], random.Random], list[str]], name: str, kind: str
) -> Callable:
    def plant(columns: Columns, target: str, dice: random.Random) -> Planted:
        y = [float(cell) for cell in columns[target]]
        return Planted(as_table(columns | {name: make(y, dice)}), target, kind, name)

    return plant


def _grades(y: list[float], dice: random.Random) -> list[str]:
    ends = sorted(y)[:: max(1, len(y) // dice.randint(3, 6))][1:]
    return ["ABCDEFGH"[sum(v >= end for end in ends)] for v in y]


def _ranks(y: list[float], dice: random.Random) -> list[str]:
    order = sorted(range(len(y)), key=lambda i: -y[i])
    found = [""] * len(y)
    for rank, i in enumerate(order, 1):
        found[i] = str(rank)
    return found


def _total(columns: Columns, target: str, dice: random.Random) -> Planted:
    others = [
        name for name in columns if name != target and columns[name][0].replace(".", "").isdigit()
    ]
    parts = [target, *dice.sample(others, 2)]
    share = dice.choice([1, len(parts)])
    cells = [
        f"{round(sum(float(columns[p][k]) for p in parts) / share, 2):g}"
        for k in range(len(columns[target]))
    ]
    name = "total" if share == 1 else "average"
    return Planted(as_table(columns | {name: cells}), target, "leak", name)


def _summary_row(columns: Columns, target: str, dice: random.Random) -> Planted:
    n = len(columns[target])
    numeric = {
        name
        for name in columns
        if all(c.replace(".", "").replace("-", "").isdigit() for c in columns[name])
    }
    share = dice.choice([1, n])
    label = dice.choice(
        ["Total", "SUM", "Gesamt"] if share == 1 else ["Average", "Mean", "Durchschnitt", "Moyenne"]
    )
    row = {
        name: f"{sum(map(float, columns[name])) / share:.2f}" if name in numeric else ""
        for name in columns
    }
    names = [f"Pupil {i}" for i in range(n)]
    table = as_table(
        {"pupil": [*names, label]} | {name: [*columns[name], row[name]] for name in columns}
    )
    return Planted(table, target, "not_a_pupil", "", n + 2)


def _unlabelled_row(columns: Columns, target: str, dice: random.Random) -> Planted:
    n = len(columns[target])
    numeric = {
        name
        for name in columns
        if all(c.replace(".", "").replace("-", "").isdigit() for c in columns[name])
    }
    row = {
        name: f"{sum(map(float, columns[name])):g}" if name in numeric else "" for name in columns
    }
    table = as_table({name: [*columns[name], row[name]] for name in columns})
    return Planted(table, target, "not_a_pupil", "", n + 2)


def _header_row(columns: Columns, target: str, dice: random.Random) -> Planted:
    at = dice.randint(5, 200)
    table = as_table({name: [*cells[:at], name, *cells[at:]] for name, cells in columns.items()})
    return Planted(table, target, "header_rows", "", at + 2)


def _change(
    make: Callable[[str, random.Random, list[str]], str | None], share: float, kind: str
) -> Callable:
    def plant(columns: Columns, target: str, dice: random.Random) -> Planted:
        name = dice.choice(_numbers(columns, target))
        before = columns[name]
        cells = [
            new if dice.random() < share and (new := make(c, dice, before)) else c for c in before
        ]
        return Planted(as_table(columns | {name: cells}), target, kind, name)

    return plant


def _slip(columns: Columns, target: str, dice: random.Random) -> Planted:
    name, at = dice.choice([*_numbers(columns, target), target]), dice.randrange(200)
    high = max(map(float, columns[name]))
    cells = columns[name][:]
    cells[at] = f"{high * dice.choice([100, 1000]):g}"
    return Planted(as_table(columns | {name: cells}), target, "outlier", name, at + 2)


def _spellings(columns: Columns, target: str, dice: random.Random) -> Planted:
    name = next(n for n, cells in columns.items() if n != target and not cells[0][0].isdigit())
    change = dice.choice(
        [str.upper, str.title, lambda c: f"{c} ", lambda c: c[0] + "\u200a"[:0] + c[1:].upper()]
    )
    cells = [change(c) if dice.random() < 0.2 else c for c in columns[name]]
    if {c.strip() for c in cells} == set(columns[name]):
        cells = [c.swapcase() if dice.random() < 0.2 else c for c in columns[name]]
    return Planted(as_table(columns | {name: cells}), target, "look_alike", name)


def _copies(columns: Columns, target: str, dice: random.Random) -> Planted:
    again = dice.sample(range(len(columns[target])), 30)
    table = as_table({name: cells + [cells[i] for i in again] for name, cells in columns.items()})
    return Planted(table, target, "copies", "")


def _pupils(columns: Columns, target: str, dice: random.Random) -> Planted:
    name = dice.choice(["student_id", "pupil", "Name", "child id"])
    n = len(columns[target])
    effect = [dice.gauss(0, 1) for _ in range(60)]
    of = [k % 60 for k in range(n)]
    y = [float(cell) for cell in columns[target]]
    spread = (sum((v - sum(y) / n) ** 2 for v in y) / n) ** 0.5
    cells = [f"{v + 1.5 * spread * effect[k]:.1f}" for v, k in zip(y, of, strict=True)]
    ids = [str(1000 + k) for k in of]
    return Planted(
        as_table({name: ids} | columns | {target: cells}),
        target,
        "repeated_pupil",
        name.replace(" ", "_"),
    )


def _far(columns: Columns, target: str, dice: random.Random) -> Planted:
    name = dice.choice([n for n in _numbers(columns, target) if max(map(float, columns[n])) < 500])
    code = dice.choice(["999", "9999", "-99", "-1"])
    cells = [code if dice.random() < 0.06 else c for c in columns[name]]
    return Planted(as_table(columns | {name: cells}), target, "sentinel", name)


def _months(dice: random.Random) -> tuple[int, int, int]:
    return 2000 + dice.randint(5, 12), dice.randint(1, 12), dice.randint(1, 28)


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _date(dice: random.Random, i: int) -> str:
    y, m, d = _months(dice)
    return f"{d} {_MONTHS[m - 1]} {y}"


def _remark(dice: random.Random, i: int) -> str:
    if dice.random() < 0.3:
        return ""
    often = dice.choice(["often", "never", "seldom", "always"])
    what = dice.choice(["talks", "late", "helpful", "quiet"])
    return f"{often} {what} in class, see file {dice.randint(1, 99)}"


FAULTS: dict[str, Callable[[Columns, str, random.Random], Planted]] = {
    "names": _add(
        lambda d, i: f"{d.choice(FIRST)} {d.choice(LAST)}", "identifier", "Name", "pupil", "Schüler"
    ),
    "first names": _add(
        lambda d, i: d.choice(FIRST), "identifier", "first name", "Vorname", "Prénom"
    ),
    "ids": _add(lambda d, i: f"S{10_000 + 7 * i}", "identifier", "id", "x", "Matrikelnummer"),
    "numeric ids": _add(lambda d, i: str(50_000 + (i * 7919) % 300), "identifier", "id", "no", "a"),
    "e-mails": _add(
        lambda d, i: f"{d.choice(FIRST)}{i}@school.org".lower(), "identifier", "contact", "b"
    ),
    "phones": _add(
        lambda d, i: f"+49 {d.randint(151, 179)} {d.randint(1_000_000, 9_999_999)}",
        "identifier",
        "phone",
        "c",
    ),
    "birth dates": _add(
        lambda d, i: "{2:02}.{1:02}.{0}".format(*_months(d)),
        "identifier",
        "birth date",
        "Geburtsdatum",
        "DOB",
    ),
    "remarks": _add(_remark, "free_text", "remark", "x", "Bemerkung"),
    "dates": _add(_date, "date", "enrolled", "d"),
    "compact dates": _add(
        lambda d, i: "{:04}{:02}{:02}".format(*_months(d)), "date", "enrolled", "d"
    ),
    "ISO dates": _add(
        lambda d, i: "{:04}-{:02}-{:02}".format(*_months(d)), "date", "enrolled", "d"
    ),
    "codes with zeros": _add(lambda d, i: f"0{d.randint(10, 30)}", "code", "region", "x"),
    "codes": _add(lambda d, i: str(d.randint(1, 9)), "code", "region code", "zip", "district_id"),
    "rare": _add(
        lambda d, i: "Klingon" if i % 75 == 0 else d.choice(["German", "Turkish"]),
        "rare",
        "language",
    ),
    "mostly empty": _add(lambda d, i: "x" if d.random() < 0.1 else "", "mostly_empty", "special"),
    "grades": _from_target(_grades, "grade", "leak"),
    "ranks": _from_target(_ranks, "rank", "leak"),
    "scaled copy": _from_target(
        lambda y, d: [f"{v * 0.05 + 1:.4f}" for v in y], "points_of_20", "leak"
    ),
    "total": _total,
    "summary row": _summary_row,
    "row of sums": _unlabelled_row,
    "repeated header": _header_row,
    "currency": _add(
        lambda d, i: f"${d.randint(10, 99)},{d.randint(0, 999):03}", "number_format", "fees", "x"
    ),
    "units": _add(lambda d, i: f"{d.randint(1, 40)} km", "number_format", "distance", "x"),
    "durations": _add(
        lambda d, i: f"{d.randint(0, 4)}:{d.randint(0, 59):02}", "number_format", "time", "x"
    ),
    "fractions": _add(lambda d, i: f"{d.randint(3, 20)}/20", "number_format", "quiz", "x"),
    "percents": _add(lambda d, i: f"{d.randint(40, 100)}%", "number_format", "rate", "x"),
    "decimal commas": _add(
        lambda d, i: f"{d.randint(40, 100)},{d.randint(0, 9)}", "number_format", "test", "x"
    ),
    "mixed scales": _add(
        lambda d, i: f"{d.randint(40, 99)}" if d.random() < 0.7 else f"0.{d.randint(40, 99)}",
        "number_format",
        "rate",
        "x",
    ),
    "words": _change(lambda c, d, b: d.choice(["AB", "absent"]), 0.25, "mostly_numbers"),
    "codes for missing": _far,
    "slip of the pen": _slip,
    "spellings": _spellings,
    "copies": _copies,
    "pupils in several rows": _pupils,
}


def plant(fault: str, seed: int) -> list[Planted]:
    """Return the four clean tables of a seed, each with a fault."""
    dice = random.Random(f"{fault} {seed}")
    return [FAULTS[fault](columns, target, dice) for columns, target in clean_tables(seed)]
