"""What Elastic Beanstalk reads: Procfile, .ebextensions, the proxy's configuration."""

import http.client
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.rehearsal import nginx
from deploy.rehearsal.options import as_text, problems, read_ebextensions
from src.config import Settings
from src.web.batch.workspace import LIFETIME_S
from tests.web.conftest import multipart

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = read_ebextensions(ROOT)
HOOKS = sorted((ROOT / ".platform").rglob("*.sh"))
PROCFILE = (ROOT / "Procfile").read_text("utf-8")
NGINX = {path.name: path.read_text("utf-8") for path in (ROOT / ".platform").rglob("*.conf")}


def setting(namespace: str, name: str) -> str:
    return SETTINGS[f"aws:{namespace}", name]


# ---------------------------------------------------------------- Procfile and option settings


def test_the_procfile_is_one_that_beanstalk_reads():
    lines = PROCFILE.splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+:\s*[^\s].*", line) for line in lines)
    assert [line.split(":")[0] for line in lines] == ["web"]


def test_the_procfile_starts_what_wsgipath_names():
    started = PROCFILE.split()[-1]
    assert started == setting("elasticbeanstalk:container:python", "WSGIPath")
    module, name = started.split(":")
    assert (ROOT / f"{module}.py").is_file()
    assert re.search(rf"^{name} = ", (ROOT / f"{module}.py").read_text("utf-8"), re.MULTILINE) or (
        f"    {name} = create_app()" in (ROOT / f"{module}.py").read_text("utf-8")
    )


def test_the_procfile_listens_where_nginx_sends():
    bound = re.search(r"--bind (\S+)", PROCFILE).group(1)
    assert f"server {bound};" in NGINX["stuprediction.conf"]


def test_gunicorn_runs_as_configured(tmp_path):
    command = PROCFILE.removeprefix("web: ").split()
    run = subprocess.run(
        [sys.executable, "-m", *command[:-1], "--print-config", command[-1]],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "ARTIFACTS_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    config = dict(
        re.split(r"\s*=\s*", line, maxsplit=1) for line in run.stdout.splitlines() if "=" in line
    )
    assert config["preload_app"] == "True"
    assert int(config["threads"]) > 1
    assert (
        0
        < int(config["graceful_timeout"])
        <= int(setting("elasticbeanstalk:environment:process:default", "DeregistrationDelay"))
    )
    assert int(config["limit_request_line"]) > 0
    assert int(config["limit_request_fields"]) <= 100
    assert int(config["limit_request_field_size"]) <= 8190


def test_every_setting_is_one_that_beanstalk_knows():
    assert len(SETTINGS) > 20
    assert list(problems(SETTINGS)) == []


@pytest.mark.parametrize(
    ("namespace", "name", "value", "said"),
    [
        ("elasticbeanstalk:comand", "Timeout", "600", "no such namespace"),
        ("elasticbeanstalk:command", "TimeOut", "600", "unknown configuration setting"),
        ("elasticbeanstalk:command", "Timeout", "3601", "not a value"),
        ("elasticbeanstalk:command", "DeploymentPolicy", "immutable", "not a value"),
        ("elasticbeanstalk:environment:proxy:staticfiles", "/static", "/static", "not a value"),
    ],
)
def test_a_setting_that_beanstalk_would_refuse_is_found(namespace, name, value, said):
    (problem,) = problems({(f"aws:{namespace}", name): value})
    assert said in problem


@pytest.mark.parametrize(
    ("namespace", "name", "value"),
    [
        ("elasticbeanstalk:application:environment", "APP_ENV", "production"),
        ("elasticbeanstalk:application:environment", "TRUSTED_PROXIES", "1"),
        ("elasticbeanstalk:environment:process:default", "HealthCheckPath", "/health"),
        ("elasticbeanstalk:healthreporting:system", "SystemType", "enhanced"),
        ("elasticbeanstalk:command", "DeploymentPolicy", "Immutable"),
        ("elasticbeanstalk:cloudwatch:logs", "StreamLogs", "true"),
        ("elasticbeanstalk:managedactions", "ManagedActionsEnabled", "true"),
        ("autoscaling:launchconfiguration", "DisableIMDSv1", "true"),
        ("elasticbeanstalk:environment:proxy:staticfiles", "/static", "static"),
    ],
)
def test_what_the_environment_is_promised_to_be(namespace, name, value):
    assert setting(namespace, name) == value


def test_no_secret_is_written_into_the_settings():
    assert not [name for _, name in SETTINGS if "SECRET" in name or "KEY" in name]


def test_yaml_booleans_reach_beanstalk_as_words():
    assert (as_text(True), as_text(1800)) == ("true", "1800")


def test_static_files_that_nginx_maps_exist():
    assert (ROOT / setting("elasticbeanstalk:environment:proxy:staticfiles", "/static")).is_dir()


# ---------------------------------------------------------------- hooks


def test_there_are_hooks_for_deployments_and_for_changed_settings():
    folders = {path.relative_to(ROOT / ".platform").parent.as_posix() for path in HOOKS}
    assert folders == {"hooks/predeploy", "confighooks/predeploy"}


@pytest.mark.parametrize("path", HOOKS, ids=lambda path: path.parent.parent.name + path.name)
def test_hooks_are_executable_shell_scripts_that_parse(path):
    assert path.stat().st_mode & stat.S_IXUSR
    assert path.read_bytes().startswith(b"#!/bin/sh\n")
    assert b"\r" not in path.read_bytes()
    subprocess.run(["sh", "-n", str(path)], check=True)


def test_the_model_comes_before_it_is_checked():
    names = [path.name for path in HOOKS if "confighooks" not in path.parts]
    assert names == ["10_bring_model.sh", "20_check_model.sh"]


# ---------------------------------------------------------------- nginx


def ask(port, path, body=None, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST" if body else method, path, body, names)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


@pytest.mark.e2e
def test_the_proxy_passes_serves_limits_and_compresses(proxy):
    assert ask(proxy, "/health")[0] == 200
    status, headers, page = ask(proxy, "/", Accept_Encoding="gzip")
    assert (status, headers["Content-Encoding"]) == (200, "gzip")
    assert len(page) < len(ask(proxy, "/")[2])
    status, headers, _ = ask(proxy, "/static/style.css")
    assert (status, headers["X-Content-Type-Options"]) == (200, "nosniff")
    assert headers.get_all("Content-Security-Policy") == [
        ask(proxy, "/")[1]["Content-Security-Policy"]
    ]
    assert headers["Server"] == "nginx"
    over = b"x" * (Settings().max_body_bytes + 1)
    status, headers, text = ask(proxy, "/predict", over, Content_Type="application/json")
    assert status == 413
    assert b'"ok":' in text.replace(b" :", b":")  # the app's own answer, not nginx's page
    assert ask(proxy, "/predict", b"x" * (33 << 20), Content_Type="application/json")[0] == 413


@pytest.mark.e2e
def test_the_rate_limit_counts_clients_and_health_checks_pass(proxy):
    """H4, H5."""

    def asked(client):
        return [ask(proxy, "/", X_Forwarded_For=client)[0] for _ in range(120)]

    first = asked("203.0.113.7")
    assert 429 in first
    assert ask(proxy, "/", X_Forwarded_For="203.0.113.8")[0] == 200
    # What a client wrote itself stands left of the address that the load balancer saw.
    assert 429 in [
        ask(proxy, "/", X_Forwarded_For=f"198.51.100.{n}, 203.0.113.9")[0] for n in range(120)
    ]
    for _ in range(200):
        status, headers, body = ask(proxy, "/", X_Forwarded_For="203.0.113.7")
        if status == 429:
            break
    assert headers["Retry-After"] == "1"
    assert body.startswith(b'{"ok": false')
    assert {ask(proxy, "/health")[0] for _ in range(100)} == {200}


@pytest.mark.e2e
def test_https_is_believed_of_the_load_balancer(proxy):
    _, headers, _ = ask(proxy, "/", X_Forwarded_Proto="https")
    assert "Strict-Transport-Security" in headers


@pytest.mark.e2e
def test_a_client_that_comes_by_itself_is_not_believed(behind_nginx, tmp_path, bundle):
    """H4: A single instance: the client's address lies outside the private networks."""
    with behind_nginx(tmp_path / "nginx", bundle, private="10.0.0.0/8") as port:
        for path in ("/", "/health"):
            _, headers, _ = ask(port, path, X_Forwarded_Proto="https")
            assert "Strict-Transport-Security" not in headers
        forged = [ask(port, "/", X_Forwarded_For=f"198.51.100.{n}")[0] for n in range(120)]
        assert 429 in forged


def test_the_proxys_body_limit_is_above_the_apps():
    megabytes = int(re.search(r"client_max_body_size (\d+)m;", NGINX["00_application.conf"])[1])
    assert megabytes << 20 > 2 * max(Settings().max_body_bytes, Settings().max_upload_bytes)


@pytest.mark.e2e
def test_a_file_over_the_limit_gets_the_apps_answer(proxy):
    over = b"x" * (Settings().max_upload_bytes + 1024)
    body, kind = multipart(over, "class.csv")
    status, _, text = ask(proxy, "/batch", body, Content_Type=kind, Accept="text/html")
    assert status == 413
    assert b"10,485,760 bytes" in text
    assert b"nginx" not in text


@pytest.mark.e2e
def test_a_slow_upload_is_not_cut_off(behind_nginx, tmp_path, bundle, student):
    """gunicorn ends requests after two seconds here; the file takes four to come."""
    table = ",".join(student) + "\n" + (",".join(map(str, student.values())) + "\n") * 200
    body, kind = multipart(table.encode(), "class.csv")
    with behind_nginx(tmp_path / "nginx", bundle, GUNICORN_CMD_ARGS="--timeout 2") as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.putrequest("POST", "/api/v1/predict/batch")
        connection.putheader("Content-Type", kind)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        fourth = len(body) // 4 + 1
        for start in range(0, len(body), fourth):
            connection.send(body[start : start + fourth])
            time.sleep(1)
        answer = connection.getresponse()
        assert (answer.status, len(answer.read().splitlines())) == (200, 1 + 200)
        connection.close()


def test_an_upload_comes_back_to_the_instance_that_holds_it(tmp_path):
    """Files lie on the instance that took them for half an hour."""
    for setting_, used in (("true", True), ("false", False)):
        settings = {(nginx.PROCESS, "StickinessEnabled"): setting_}
        nginx.write_balancer(tmp_path, 1, [2, 3], settings)
        assert ("hash $sticky;" in (tmp_path / "nginx.conf").read_text()) is used
    assert setting("elasticbeanstalk:environment:process:default", "StickinessEnabled") == "true"
    seconds = setting("elasticbeanstalk:environment:process:default", "StickinessLBCookieDuration")
    assert int(seconds) >= LIFETIME_S


def test_the_proxy_keeps_connections_longer_than_the_load_balancer():
    kept = re.findall(r"keepalive_timeout (\d+)s", NGINX["00_application.conf"])
    assert kept
    assert all(int(seconds) > 60 for seconds in kept)


def test_nginx_drops_idle_connections_before_gunicorn_does():
    kept = int(re.search(r"keepalive_timeout (\d+)s", NGINX["stuprediction.conf"])[1])
    gunicorns = re.search(r"^keepalive = (\d+)", (ROOT / "gunicorn.conf.py").read_text(), re.M)[1]
    assert kept < int(gunicorns)


def test_a_setting_twice_is_found(need_nginx, tmp_path, bundle):
    """What happens to people who put `gzip on;` into a file of their own."""
    wrong = bundle / ".platform/nginx/conf.d/elasticbeanstalk/gzip.conf"
    wrong.write_text("gzip on;\n")
    nginx.write_platform(tmp_path / "nginx", bundle, SETTINGS, 8080, 8081)
    assert '"gzip" directive is duplicate' in nginx.problem(tmp_path / "nginx")
