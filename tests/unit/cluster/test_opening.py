from __future__ import annotations

import sys

import pytest

from src.cluster.opening import check_address, open_home
from src.exception import ClusterError, ConfigurationError
from src.pipelines.train_pipeline import main
from src.search.home import HERE


def test_without_a_scheduler_fits_run_here_and_dask_is_not_imported() -> None:
    before = {name for name in sys.modules if name.startswith(("dask", "distributed"))}
    with open_home(None, 2, send_all=False) as home:
        assert home is HERE
    assert {name for name in sys.modules if name.startswith(("dask", "distributed"))} == before


@pytest.mark.parametrize(
    "address", ["local:0", "local:", "http://host:8786", "host:8786", "tcp://host", "tcp://h/:1"]
)
def test_what_is_no_place_for_fits_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match=r"local:N .* tcp://host:8786") as raised:
        check_address(address)
    assert repr(address) in str(raised.value)


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigurationError, match=r"pip install '\.\[cluster\]'"):
        open_home("local:2", 1, send_all=False)


def test_a_scheduler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.cluster.opening.SILENT_S", 0.2)
    with (
        pytest.raises(ClusterError, match=r"No scheduler can be reached at tcp://127\.0\.0\.1:9"),
        open_home("tcp://127.0.0.1:9", 1, send_all=False),
    ):
        pass


def test_send_all_without_a_scheduler_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    assert main(["--send-all", "--artifacts", str(tmp_path)]) == 1
    assert "--send-all goes with --scheduler." in capsys.readouterr().err
