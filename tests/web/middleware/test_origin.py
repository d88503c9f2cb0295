"""Forms from other sites, by header and in a real browser behind nginx; IDs are of FAULTS.md."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.web.chromium import watched
from tests.web.conftest import free_port

NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
FROM_HERE = (
    {},  # curl
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "same-site", "Origin": "https://library.school.org"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    {"Origin": "http://school.org"},
    {"Origin": "https://School.org:8443"},
)
FROM_ELSEWHERE = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://school.org"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://evil.example"},
    {"Origin": "http://school.org.evil.example"},
    {"Origin": "http://school.org@evil.example"},
    {"Origin": "http://evil.example:80#school.org"},
    {"Origin": "http://[school.org"},
    {"Origin": "file://", "Host": ""},
)


@pytest.mark.parametrize("headers", FROM_HERE)
@pytest.mark.parametrize("host", ["school.org", "SCHOOL.ORG:8000"])
def test_a_form_from_this_site_or_from_a_program_is_answered(client, student, headers, host):
    """F8."""
    assert client.post("/", data=student, headers={"Host": host, **headers}).status_code == 200


def test_an_address_is_compared_as_a_name_is(client, student):
    """F8."""
    headers = {"Host": "[::1]:8000", "Origin": "http://[::1]"}
    assert client.post("/", data=student, headers=headers).status_code == 200


@pytest.mark.parametrize("headers", FROM_ELSEWHERE)
def test_a_form_from_another_site_is_refused_with_the_answers_kept(client, student, headers):
    """F8."""
    answer = client.post("/predict", data=student, headers={"Host": "school.org", **headers})
    assert (answer.status_code, answer.mimetype) == (403, "text/html")
    assert answer.text.count("This came from another website, so it was not accepted.") == 1
    assert "<title>Error: " in answer.text
    assert 'value="70"' in answer.text
    assert 'value="group C" selected' in answer.text
    assert "<data" not in answer.text


def test_who_accepts_json_alone_gets_the_refusal_as_json(client, student):
    """F8."""
    headers = {"Sec-Fetch-Site": "cross-site", "Accept": "application/json"}
    answer = client.post("/", data=student, headers=headers)
    assert answer.status_code == answer.get_json()["status"] == 403
    assert answer.get_json()["ok"] is False


@pytest.mark.parametrize("path", ["/", "/nowhere"])
def test_a_refusal_needs_no_model(empty_client, path):
    """F8."""
    answer = empty_client.post(path, data={"a": "b"}, headers={"Origin": "null"})
    assert answer.status_code == (503 if path == "/" else 403)


def test_a_refused_form_of_too_many_fields_is_no_mistake_of_ours(client):
    """F8."""
    answer = client.post("/", data={f"f{i}": "x" for i in range(2_000)}, headers={"Origin": "null"},
                         content_type="multipart/form-data")  # fmt: skip
    assert answer.status_code == 413


def test_no_browser_sends_json_from_elsewhere_since_its_preflight_is_not_allowed(client):
    """F8."""
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "content-type"}  # fmt: skip
    for path in ("/", "/predict", "/api/v1/predict", "/api/v1/predict/batch"):
        answer = client.options(path, headers=asked)
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
        # Of what may be sent without that question nothing is taken for JSON.
        for kind in ("text/plain", "text/plain; application/json", None):
            sent = client.post(path, data="{}", content_type=kind,
                               headers={"Sec-Fetch-Site": "cross-site"})  # fmt: skip
            assert sent.status_code == 403


# ---------------------------------------------------------------- a real browser, behind nginx

CONFIGURATION = """\
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass {app};
      proxy_set_header Host $host;
    }}
  }}
}}
"""


@contextmanager
def nginx_before(app: str, folder: Path) -> Iterator[int]:
    """Run nginx before an app, as Beanstalk does: it passes the host's name without its port."""
    if NGINX is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    port = free_port()
    user = "user root;" if Path("/root").owner() == Path.home().owner() else ""
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, port=port, app=app, user=user))
    process = subprocess.Popen([NGINX, "-e", f"{folder}/error.log", "-c", str(configuration)])
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health").close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=60)


@contextmanager
def page_elsewhere(action: str, fields: dict[str, object]) -> Iterator[str]:
    """Serve a page that sends a form to an address as soon as it is opened."""
    inputs = "".join(f'<input name="{k}" value="{v}">' for k, v in fields.items())
    page = (
        f'<!doctype html><title>x</title><link rel="icon" href="data:,">'
        f'<form method="post" action="{action}">{inputs}</form>'
        "<script>document.forms[0].submit()</script>"
    ).encode()

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f":{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.browser
@pytest.mark.e2e
@pytest.mark.parametrize("sandboxed", [False, True])
def test_in_a_browser_over_http_behind_nginx_only_the_own_form_is_answered(
    browser, server, student, tmp_path, sandboxed
):
    """F8."""
    with nginx_before(server.url, tmp_path) as port:
        home = f"http://predict.school.test:{port}"
        with watched(browser, home) as visit:
            page = visit()
            for name, value in student.items():
                field = page.locator(f'[name="{name}"]').first
                if field.get_attribute("type") == "radio":
                    page.locator(f'[name="{name}"][value="{value}"]').check(force=True)
                elif field.evaluate("e => e.tagName") == "SELECT":
                    field.select_option(str(value))
                else:
                    field.fill(str(value))
            with page.expect_response(lambda r: r.request.method == "POST") as posted:
                page.get_by_role("button", name="Predict").click()
            assert posted.value.status == 200
            sent = posted.value.request.all_headers()
            assert sent["origin"] == home
            assert "sec-fetch-site" not in sent  # else the fallback would not be what is tested
            page.locator("data").wait_for()
        with page_elsewhere(f"{home}/", student) as elsewhere:
            other = f"http://evil.example{elsewhere}"
            frame = f'<iframe sandbox="allow-forms allow-scripts" src="{other}"></iframe>'
            context = browser.new_context()
            page = context.new_page()
            with page.expect_response(lambda r: r.request.method == "POST") as posted:
                page.set_content(frame) if sandboxed else page.goto(other)
            assert posted.value.status == 403
            headers = posted.value.request.all_headers()
            assert headers["origin"] == ("null" if sandboxed else other.rstrip("/"))
            assert "sec-fetch-site" not in headers
            if not sandboxed:
                page.get_by_role("alert").wait_for()
                assert "came from another website" in page.get_by_role("alert").inner_text()
                assert page.get_by_label("Reading score").input_value() == "70"
            context.close()
