"""Write the tables of the reference from the code: `python docs/make_reference.py`.

A table stands between two comments of its page, `<!-- made: NAME -->` and `<!-- end -->`; what is
around them is written by hand. `--check` writes nothing and fails where a table is out of date, as
a test does.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import inspect
import json
import logging
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "reference"
BLOCK = re.compile(r"(<!-- made: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

# Where each command's `main` is, by what a person types; None where it takes no options.
COMMANDS: Mapping[str, Mapping[str, str | None]] = {
    "Training and predicting": {
        "python -m src.pipelines.train_pipeline": "src/pipelines/train_pipeline.py",
        "python -m src.pipelines.predict_pipeline": "src/pipelines/predict_pipeline.py",
        "python -m src.pipelines.write_papers": "src/pipelines/write_papers.py",
    },
    "Serving": {
        "python application.py": None,
        "python -m appBackend.endpoints": None,
        "python -m src.records": "src/records/__main__.py",
        "python -m src.web.middleware.api_keys": None,
        "python -m src.web.middleware.sign_in": None,
    },
    "Developing": {
        "python -m src.test": "src/test.py",
        "python -m src.translations": "src/translations/__main__.py",
        "python docs/make_architecture.py": "docs/make_architecture.py",
        "python docs/make_reference.py": "docs/make_reference.py",
        "python docs/make_results.py": "docs/make_results.py",
        "python docs/make_screenshots.py": "docs/make_screenshots.py",
        "python notebooks/build.py": "notebooks/build.py",
        "python notebooks/data/simulate_stud.py": "notebooks/data/simulate_stud.py",
    },
    "Deploying": {
        "python -m deploy.bundle": "deploy/bundle.py",
        "python -m deploy.policies": "deploy/policies.py",
        "python -m deploy.rehearse": "deploy/rehearse.py",
        "python -m deploy.tools": None,
        "python .platform/check_model.py": None,
    },
    "Benchmarks": {
        "python -m benchmarks.train_vs_peers": "benchmarks/train_vs_peers.py",
        "python -m benchmarks.plain_methods": "benchmarks/plain_methods.py",
        "python -m benchmarks.classes_vs_peers": "benchmarks/classes_vs_peers.py",
        "python -m benchmarks.schools": "benchmarks/schools.py",
        "python -m benchmarks.mistakes": "benchmarks/mistakes/__main__.py",
        "python -m benchmarks.wsgi": "benchmarks/wsgi.py",
        "python -m benchmarks.serve": "benchmarks/serve.py",
        "python -m benchmarks.records": "benchmarks/records.py",
        "python -m benchmarks.predict_record": "benchmarks/predict_record.py",
        "python -m benchmarks.batch": "benchmarks/batch.py",
        "python -m benchmarks.uploads": "benchmarks/uploads.py",
        "python -m benchmarks.lighthouse": "benchmarks/lighthouse.py",
        "python -m benchmarks.table_check": "benchmarks/table_check.py",
        "python -m benchmarks.wide_tables": "benchmarks/wide_tables.py",
        "python -m benchmarks.lead_time": "benchmarks/lead_time.py",
        "python -m benchmarks.cluster": "benchmarks/cluster.py",
        "python -m benchmarks.large_folder": "benchmarks/large_folder.py",
        "python -m benchmarks.large_table": "benchmarks/large_table.py",
        "python -m benchmarks.drift": "benchmarks/drift.py",
        "python -m benchmarks.challenge": "benchmarks/challenge.py",
        "python -m benchmarks.year": "benchmarks/year.py",
    },
}
# What other commands start; nobody types these.
STARTED_BY_OTHERS = ("src/web/batch/worker.py", "deploy/rehearsal/steps.py", "benchmarks/peers/")


class Captured(Exception):
    """Carries the parser that a command was about to use."""


def parser_of(path: Path) -> argparse.ArgumentParser:
    """Return the parser of a command, caught at the moment when it would read its options."""

    def caught(self: argparse.ArgumentParser, *_: object) -> None:
        raise Captured(self)

    main = _load(path).main
    arguments = [[]] if inspect.signature(main).parameters else []
    environment = {name: value for name, value in os.environ.items() if name != "ARTIFACTS_DIR"}
    with (
        patch.object(argparse.ArgumentParser, "parse_args", caught),
        patch.dict(os.environ, environment | {"OMP_NUM_THREADS": "1"}, clear=True),
    ):
        try:
            main(*arguments)
        except Captured as captured:
            return captured.args[0]
    raise ValueError(f"{path} reads no options.")


def _load(path: Path) -> ModuleType:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    if path.parts[len(ROOT.parts)] in ("src", "deploy", "benchmarks"):
        return importlib.import_module(name)
    specification = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses look there
    with patch.object(sys, "path", [str(path.parent), *sys.path]):
        specification.loader.exec_module(module)
    return module


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def options(parser: argparse.ArgumentParser) -> list[tuple[str, str, str]]:
    """Return each option of a command with its default and its help."""
    rows = []
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction) or action.help == argparse.SUPPRESS:
            continue
        value = "" if action.nargs == 0 else f" {_metavar(action)}"
        name = " ".join(f"`{option}{value}`" for option in action.option_strings)
        text = re.sub(r"\s*\(default: %\(default\)s\)", "", action.help or "")
        text = text % {**vars(action), "prog": parser.prog}
        rows.append((name or f"`{_metavar(action)}`", _default(action), _marked(text)))
    return rows


def _metavar(action: argparse.Action) -> str:
    name = action.metavar or (action.dest if not action.option_strings else action.dest.upper())
    if isinstance(name, tuple):
        name = " ".join(name)
    if action.choices and not action.metavar:
        name = "{" + ",".join(map(str, action.choices)) + "}"
    return {"+": f"{name} …", "*": f"[{name} …]", "...": f"[{name} …]", "?": f"[{name}]"}.get(
        action.nargs, name
    )


def _default(action: argparse.Action) -> str:
    value = action.default
    if action.required and action.nargs not in ("*", argparse.REMAINDER):
        return "needed"
    if action.dest == "jobs":
        return "a job a processor"  # another number on another machine
    if value in (None, False, "", [], ()) or value is argparse.SUPPRESS:
        return ""
    if isinstance(value, list | tuple):
        return f"`{' '.join(map(str, value))}`"
    text = str(value)
    return f"`{Path(text).relative_to(ROOT)}`" if text.startswith(str(ROOT)) else f"`{text}`"


def _marked(text: str) -> str:
    """Return help with the options that it names set as code."""
    return re.sub(r"(?<![\w`-])(--[a-z-]+)", r"`\1`", text)


def commands(group: str) -> str:
    """Return what the commands of a group do, each with its options and examples."""
    parts = []
    for typed, path in COMMANDS[group].items():
        parts.append(f"### `{typed}`\n")
        if path is None:
            parts.append(f"{_summary(_source(typed))} It takes no options.\n")
            continue
        parser = parser_of(ROOT / path)
        parts.append(f"{_sentence(parser.description or '')}\n")
        if rows := options(parser):
            parts.append(table(("option", "default", "what it does"), rows) + "\n")
        if parser.epilog:
            text = inspect.cleandoc(parser.epilog % {"prog": parser.prog})
            parts.append(f"```text\n{text}\n```\n")
    return "\n".join(parts)


def _source(typed: str) -> Path:
    name = typed.removeprefix("python ")
    if name.startswith("-m "):
        name = name.removeprefix("-m ").replace(".", "/") + ".py"
    return ROOT / name


def _summary(path: Path) -> str:
    """Return the first line of a file's docstring, and what it says of the command."""
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    does = re.search(r"``python -m [\w.]+`` (\w[^.]*)\.", docstring)
    return _sentence(docstring) + (f" It {' '.join(does[1].split())}." if does else "")


def _sentence(text: str) -> str:
    """Return what a description says, without what a docstring adds on how to start it."""
    line = " ".join(text.partition("\n\n")[0].split())
    line = re.sub(r":? `+python [^`]*`+(, then .*)?\.?$", ".", line)
    return line if line.endswith((".", "!")) else f"{line}."


def make_targets() -> str:
    """Return the targets of the Makefile."""
    text = (ROOT / "Makefile").read_text("utf-8")
    found = re.findall(r"^([a-z-]+):.*?## (.*)$", text, re.MULTILINE)
    return table(("target", "what it does"), ((f"`make {name}`", said) for name, said in found))


def settings() -> str:
    """Return the settings of the app."""
    from src.config import SETTINGS, Settings

    rows = []
    for setting in SETTINGS:
        value = getattr(Settings(), setting.name)
        shown = "" if value in ("", None, ()) else f"`{value}`"
        rows.append((f"`{setting.variable}`", shown, setting.help))
    return table(("variable", "default", "what it does"), rows)


def routes() -> str:
    """Return every route of the app; those of the API alone carry the prefix."""
    rows = []
    app = _app()
    rules = sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, sorted(rule.methods)))
    for rule in rules:
        view = app.view_functions[rule.endpoint]
        what = (inspect.getdoc(view) or "").partition("\n")[0]
        if rule.endpoint == "static":
            what = "Send a style sheet, a script or the icon."
        methods = ", ".join(f"`{m}`" for m in sorted(rule.methods - {"HEAD", "OPTIONS"}))
        rows.append((f"`{rule.rule}`", methods, what))
    return table(("route", "method", "what it does"), rows)


def _app() -> object:
    """Return the app without a model."""
    with (
        tempfile.TemporaryDirectory() as empty,
        patch.dict(os.environ, {"ARTIFACTS_DIR": empty}),
    ):
        from application import create_app
        from src.config import Settings

        return create_app(Settings(artifacts_dir=Path(empty), log_level="ERROR"))


def errors() -> str:
    """Return the statuses that an error may have, and the shape of its JSON."""
    from http import HTTPStatus

    from appBackend.openapi import ERRORS
    from src.exception import Problem
    from src.web.middleware.errors import WORDS, error_body

    said = {int(status): text for status, text in ERRORS.items()}
    rows = [
        (f"`{status}`", HTTPStatus(status).phrase, said.get(status) or WORDS[status][1])
        for status in sorted({*said, *WORDS})
    ]
    message = "reading_score must be a number from 0 to 100. Got 'ninety'."
    body = error_body(422, message, [Problem(message, "reading_score", got="ninety")])
    example = json.dumps(body, indent=2, ensure_ascii=False)
    return f"{table(('status', 'name', 'when'), rows)}\n\n```json\n{example}\n```"


def models() -> str:
    """Return the families of models that training may try, with what is searched."""
    from src.search.candidates import CANDIDATES

    rows = []
    for candidate in CANDIDATES:
        grid = "; ".join(
            f"`{name}` {', '.join(map(str, values))}" for name, values in candidate.space.items()
        )
        rows.append((f"`{candidate.name}`", candidate.label, grid))
    return table(("`--models`", "what it is", "what is searched"), rows)


def manifest() -> str:
    """Return the entries of a run's manifest."""
    from src.artifact_store import RunManifest

    documented = dict(
        re.findall(
            r"^    (\w+) : .*\n((?:        .*\n)*)", f"{RunManifest.__doc__}\n", re.MULTILINE
        )
    )
    rows = []
    for entry in fields(RunManifest):
        text = " ".join(documented.get(entry.name, "").split()).replace("``", "`")
        optional = entry.default is not MISSING or entry.default_factory is not MISSING
        rows.append((f"`{entry.name}`", f"{entry.type}{' ' if optional else ''}".strip(), text))
    return table(("entry", "type", "what it is"), rows)


BLOCKS: Mapping[str, Callable[[], str]] = {
    "make": make_targets,
    "settings": settings,
    "routes": routes,
    "errors": errors,
    "models": models,
    "manifest": manifest,
    **{
        f"commands-{group.split()[0].lower()}": lambda group=group: commands(group)
        for group in COMMANDS
    },
}


def remade(text: str) -> str:
    """Return a page with its tables made anew."""
    return BLOCK.sub(lambda m: f"{m[1]}\n{BLOCKS[m[2]]().strip()}\n\n{m[3]}", text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 where a page is old"
    )
    check = parser.parse_args(arguments).check
    logging.disable(logging.ERROR)  # the app says that it has no model
    old = 0
    for page in sorted(PAGES.glob("*.md")):
        text = page.read_text("utf-8")
        made = remade(text)
        if made != text:
            old += 1
            sys.stdout.write(
                f"{page.relative_to(ROOT)} {'is out of date' if check else 'written'}\n"
            )
            if not check:
                page.write_text(made, "utf-8")
    return int(check and old > 0)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
