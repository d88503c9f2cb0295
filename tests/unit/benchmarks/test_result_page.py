import importlib

import pytest

from benchmarks import wsgi
from benchmarks.result_page import bare_page, sent_form
from src.config import Settings


@pytest.fixture(scope="module")
def ours(sample_artifacts, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARTIFACTS_DIR", str(tmp_path_factory.mktemp("none")))
        module = importlib.import_module("application")
    return module.create_app(Settings(artifacts_dir=sample_artifacts))


def test_the_peer_sends_the_bytes_of_our_page(ours, predictor):
    environ, body = sent_form(wsgi.environ_for(b""), wsgi.sample_record())
    status, _, page = wsgi.call(ours, environ, body)
    assert status == "200 OK"
    assert f'value="{predictor.predict_record(wsgi.sample_record()).prediction!r}"' in page.decode()
    same = wsgi.call(bare_page(page), environ, body)
    assert same[0] == "200 OK"
    assert same[2] == page


def test_each_student_of_the_table_gets_a_page(ours):
    records = wsgi.students()
    pages = {wsgi.call(ours, *sent_form(wsgi.environ_for(b""), each))[2] for each in records[:3]}
    assert len(records) == 1000
    assert len(pages) == 3
