import subprocess
import sys
from pathlib import Path

import pytest

from src.test import main, module_name


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a small repository: two modules with tests, one without."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # pytest itself starts at once
    for source in ("schema.py", "tables.py", "components/data_ingestion.py"):
        path = tmp_path / "src" / source
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    unit = tmp_path / "tests" / "unit"
    unit.mkdir(parents=True)
    (unit / "test_schema.py").write_text("def test_plain(): pass\n")
    (unit / "test_schema_laws.py").write_text("def test_law(): pass\n")
    (unit / "test_data_ingestion.py").write_text("def test_split(): assert 0\n")
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        "data_ingestion",
        "src.components.data_ingestion",
        "src/components/data_ingestion.py",
        "src\\components\\data_ingestion.py",
        "tests/unit/components/test_data_ingestion.py",
    ],
)
def test_a_module_is_found_by_name_dotted_name_or_path(text):
    assert module_name(text) in ("data_ingestion", "components.data_ingestion")


def test_one_module_runs_its_own_tests_only(tree, capfd):
    assert main(["schema"], root=tree) == 0
    assert "2 passed" in capfd.readouterr().out


def test_a_failing_test_shows_in_the_exit_status(tree, capfd):
    assert main(["src.components.data_ingestion"], root=tree) == 1
    assert "1 failed" in capfd.readouterr().out


def test_no_module_runs_all_tests(tree, capfd):
    assert main([], root=tree) == 1
    assert "1 failed, 2 passed" in capfd.readouterr().out


def test_what_follows_two_dashes_goes_to_pytest(tree, capfd):
    assert main(["schema", "--", "-k", "law"], root=tree) == 0
    assert "1 passed, 1 deselected" in capfd.readouterr().out


def test_an_unknown_module_is_refused_with_the_nearest_and_the_list(tree, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["shema"], root=tree)
    message = capsys.readouterr().err
    assert "Did you mean 'schema'?" in message
    assert "data_ingestion, schema, schema_laws." in message


def test_a_module_without_tests_is_named(tree, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["schema", "src/tables.py"], root=tree)
    assert "No tests/**/test_tables*.py for the module 'src/tables.py'." in capsys.readouterr().err


def test_an_installed_copy_without_tests_says_where_to_run_it(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main([], root=tmp_path)
    assert "in a clone of the repository" in capsys.readouterr().err


def test_a_missing_pytest_is_named_with_what_to_install(tree, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(SystemExit, match="1"):
        main(["schema"], root=tree)
    assert "pip install -r requirements-dev.txt" in capsys.readouterr().err


def test_help_shows_examples_and_imports_no_pytest():
    program = "import sys, runpy; sys.argv[1:] = ['--help']\n"
    program += "try: runpy.run_module('src.test', run_name='__main__')\n"
    program += "finally: assert 'pytest' not in sys.modules"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "python -m src.test schema tables -- -x" in run.stdout
    assert run.stderr == ""
