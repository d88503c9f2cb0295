"""The hooks that stand between a bundle and its traffic, run as an instance runs them."""

import json
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path

import pytest

from tests.deploy.conftest import make_bundle

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).resolve().parents[2]
BRING = ".platform/hooks/predeploy/10_bring_model.sh"
CHECK = ".platform/hooks/predeploy/20_check_model.sh"
RECHECK = ".platform/confighooks/predeploy/20_check_model.sh"


def promoted(bundle: Path) -> Path:
    pointer = json.loads((bundle / "artifacts/manifest.json").read_text())
    return bundle / "artifacts/runs" / pointer["run_id"]


def test_a_bundle_with_a_run_is_left_as_it_is_and_answers(bundle, hook):
    before = (bundle / "artifacts/manifest.json").read_bytes()
    brought = hook(bundle / BRING, MODEL_URI="s3://bucket/models/other")
    assert brought.stdout == "The bundle brings a promoted run.\n"
    assert (bundle / "artifacts/manifest.json").read_bytes() == before
    for path in (CHECK, RECHECK):
        checked = hook(bundle / path)
        assert checked.returncode == 0, checked.stderr
        assert checked.stdout.startswith(f"Run {promoted(bundle).name} answers: math_score ")


def test_a_bundle_without_a_run_trains_one(bundle, hook):
    shutil.rmtree(bundle / "artifacts")
    shutil.copytree(ROOT / "notebooks/data", bundle / "notebooks/data")
    brought = hook(bundle / BRING)
    assert brought.returncode == 0, brought.stderr
    assert hook(bundle / CHECK).returncode == 0
    for path in (bundle / "artifacts").rglob("*"):
        assert path.stat().st_mode & stat.S_IROTH, f"the web process cannot read {path}"


def test_a_bundle_without_a_run_or_a_table_is_refused(bundle, hook):
    shutil.rmtree(bundle / "artifacts")
    brought = hook(bundle / BRING)
    assert brought.returncode != 0
    assert "The sample table is not installed" in brought.stderr
    checked = hook(bundle / CHECK)
    assert checked.returncode == 1
    assert "There is no trained model" in checked.stderr


def test_a_run_is_fetched_from_s3_and_promoted(bundle, hook, tmp_path):
    store = tmp_path / "bucket" / promoted(bundle).name
    shutil.copytree(promoted(bundle), store)
    shutil.rmtree(bundle / "artifacts")
    aws = tmp_path / "bin" / "aws"
    aws.parent.mkdir()
    aws.write_text(f'#!/bin/sh\nmkdir -p "$(dirname "$6")"\ncp -r {store} "$6"\necho "$@" >&2\n')
    aws.chmod(0o755)
    brought = hook(
        bundle / BRING,
        MODEL_URI=f"s3://bucket/models/{store.name}/",
        PATH=f"{aws.parent}:{Path(sys.executable).parent}:/usr/bin:/bin",
    )
    assert brought.returncode == 0, brought.stderr
    assert f"s3 cp --only-show-errors --recursive s3://bucket/models/{store.name} " in (
        brought.stderr
    )
    assert f"Run {store.name} answers" in hook(bundle / CHECK).stdout


def test_a_run_that_cannot_be_fetched_is_refused(bundle, hook, tmp_path):
    shutil.rmtree(bundle / "artifacts")
    (tmp_path / "aws").write_text("#!/bin/sh\necho 'AccessDenied' >&2\nexit 1\n")
    (tmp_path / "aws").chmod(0o755)
    environment = {"MODEL_URI": "s3://b/models/x", "PATH": f"{tmp_path}:/usr/bin:/bin"}
    brought = hook(bundle / BRING, **environment)
    assert brought.returncode == 1
    assert "AccessDenied" in brought.stderr


# The platform's user, on a machine that has none of this name: it owns what it makes, and may read
# this Python, wherever that is.
AS_NOBODY = """#!/bin/sh
first=$1; shift
case "$0" in
  */chown) exec /bin/chown "$first" nobody "$2" ;;
  */runuser) shift 2; exec setpriv --reuid nobody --clear-groups --inh-caps +dac_read_search \
    --ambient-caps +dac_read_search "$@" ;;
  */id) [ "${1:-}" = webapp ] && set -- nobody; exec /usr/bin/id "$first" "$@" ;;
esac
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may go on as somebody else")
def test_what_a_hook_of_root_makes_belongs_to_the_user_that_the_app_runs_as(
    sample_artifacts, hook, request
):
    """D9: a LOG_FILE of root's kept the app from starting."""
    folder = Path(tempfile.mkdtemp())  # nobody may not enter those of pytest
    request.addfinalizer(lambda: shutil.rmtree(folder))
    folder.chmod(0o755)
    bundle = make_bundle(folder / "bundle", sample_artifacts)
    programs, logs = folder / "programs", folder / "logs"
    programs.mkdir()
    logs.mkdir()
    logs.chmod(0o777)
    for name in ("chown", "runuser", "id"):
        (programs / name).write_text(AS_NOBODY)
        (programs / name).chmod(0o755)
    path = f"{programs}:{Path(sys.executable).parent}:/usr/bin:/bin"
    for number, script in enumerate((BRING, CHECK, RECHECK)):
        log = logs / f"{number}.log"
        ran = hook(bundle / script, PATH=path, LOG_FILE=str(log), PYTHONDONTWRITEBYTECODE="1")
        assert ran.returncode == 0, ran.stderr
        if script != BRING:
            assert log.owner() == "nobody"
    assert {each.owner() for each in (bundle / "artifacts").rglob("*")} == {"nobody"}


def test_a_broken_import_is_refused(bundle, hook):
    (bundle / "src/web/pages/routes.py").write_text("import no_such_module\n")
    checked = hook(bundle / CHECK)
    assert checked.returncode != 0
    assert "no_such_module" in checked.stderr


def test_a_setting_that_the_app_cannot_use_is_refused_with_what_to_do(bundle, hook):
    for path in (CHECK, RECHECK):
        checked = hook(bundle / path, TRUSTED_PROXIES="many")
        assert checked.returncode != 0
        assert "TRUSTED_PROXIES must be" in checked.stderr


def test_a_file_that_training_did_not_save_is_refused(bundle, hook):
    """M2."""
    (promoted(bundle) / "metrics.json").write_text("{}")
    checked = hook(bundle / CHECK)
    assert checked.returncode == 1
    assert "metrics.json" in checked.stderr


def test_a_run_without_its_folder_is_refused_and_not_trained_over(bundle, hook):
    shutil.rmtree(promoted(bundle))
    assert hook(bundle / BRING).stdout == "The bundle brings a promoted run.\n"
    checked = hook(bundle / CHECK)
    assert checked.returncode == 1
    assert "This bundle cannot serve. There is no run" in checked.stderr


def test_another_scikit_learn_is_refused_with_both_versions(bundle, hook, tmp_path):
    """M4: A metadata folder that comes first on the path says that 1.0.0 is installed."""
    info = tmp_path / "site" / "scikit_learn-1.0.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: scikit-learn\nVersion: 1.0.0\n")
    checked = hook(bundle / CHECK, PYTHONPATH=str(info.parent))
    assert checked.returncode == 1
    assert "scikit-learn" in checked.stderr
    assert "1.0.0" in checked.stderr
    assert "1.9" in checked.stderr
