"""nginx as Beanstalk's Python platform sets it up on Amazon Linux 2023, on loopback ports."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from deploy.rehearsal.options import Settings

STATIC_FILES = "aws:elasticbeanstalk:environment:proxy:staticfiles"
PROCESS = "aws:elasticbeanstalk:environment:process:default"
PROGRAM = "nginx"
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")

# The shape of the platform's own nginx.conf: what lies in conf.d is read inside http, what lies in
# conf.d/elasticbeanstalk inside its server, where gzip and keepalive_timeout are set already.
MAIN = """\
{user}
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
  server_tokens off;
  types {{
    text/html html; text/css css; application/javascript js; image/svg+xml svg; image/png png;
  }}
  default_type application/octet-stream;
  log_format main '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
                  '"$http_referer" "$http_user_agent" "$http_x_forwarded_for"';
  {temporary}
  include {folder}/conf.d/*.conf;
  map $http_upgrade $connection_upgrade {{ default "upgrade"; }}
  server {{
    listen 127.0.0.1:{port} default_server;
    access_log {folder}/access.log main;
    client_header_timeout 60;
    client_body_timeout 60;
    keepalive_timeout 60;
    gzip off;
    gzip_comp_level 4;
    gzip_types text/plain text/css application/json application/javascript text/xml;
    include {folder}/conf.d/elasticbeanstalk/*.conf;
  }}
}}
"""
APPLICATION = """\
location / {{
  proxy_pass http://127.0.0.1:{app_port};
  proxy_http_version 1.1;
  proxy_set_header Connection $connection_upgrade;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Host $host;
  proxy_set_header X-Real-IP $remote_addr;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
}}
"""
STATIC = "location {url} {{ alias {app}/{folder}; access_log off; }}\n"
STICKY = """\
map $cookie_AWSALB $sticky { default $cookie_AWSALB; "" $request_id; }
add_header Set-Cookie "AWSALB=$sticky; Path=/" always;
"""
BALANCER = """\
{user}
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  {temporary}
  include {folder}/targets.conf;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://targets;
      proxy_next_upstream off;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto http;
    }}
  }}
}}
"""


def _fill(text: str, folder: Path, port: int) -> str:
    paths = "\n  ".join(f"{name}_temp_path {folder}/{name};" for name in TEMPORARY)
    # Started by root, it would serve as nobody, who cannot read a temporary folder.
    user = "user root;" if os.geteuid() == 0 else ""
    return text.format(folder=folder, temporary=paths, port=port, user=user)


def write_platform(folder: Path, app: Path, settings: Settings, port: int, app_port: int) -> None:
    """Write an instance's configuration: the platform's files, then the bundle's over them.

    Three things of the bundle's files are replaced, since several instances share this machine:
    where the app listens, where it lies, and the private network, which is the loopback here.

    Parameters
    ----------
    folder : Path
        Where the configuration, logs and temporary files go.
    app : Path
        The unpacked bundle, where it will run.
    port, app_port : int
        What nginx listens on, and the app behind it.
    """
    served = folder / "conf.d" / "elasticbeanstalk"
    served.mkdir(parents=True, exist_ok=True)
    (folder / "nginx.conf").write_text(_fill(MAIN, folder, port))
    (served / "00_application.conf").write_text(APPLICATION.format(app_port=app_port))
    mapped = {name: value for (space, name), value in settings.items() if space == STATIC_FILES}
    (served / "01_static.conf").write_text(
        "".join(STATIC.format(url=url, app=app, folder=path) for url, path in mapped.items())
    )
    ours = app / ".platform" / "nginx"
    for path in sorted(ours.rglob("*.conf")):
        text = path.read_text("utf-8")
        for beanstalks, here in (
            ("127.0.0.1:8000", f"127.0.0.1:{app_port}"),
            ("/var/app/current", str(app)),
            ("10.0.0.0/8", "127.0.0.1/32"),
        ):
            text = text.replace(beanstalks, here)
        (folder / path.relative_to(ours)).write_text(text)


def write_balancer(folder: Path, port: int) -> None:
    """Write the load balancer's configuration, which passes each request to one instance, once."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nginx.conf").write_text(_fill(BALANCER, folder, port))


def write_targets(folder: Path, ports: list[int], settings: Settings) -> None:
    """Say which instances the load balancer passes requests to.

    With ``StickinessEnabled``, a client that sends its cookie comes to the same one again.
    """
    servers = " ".join(f"server 127.0.0.1:{port};" for port in ports)
    sticky = settings.get((PROCESS, "StickinessEnabled")) == "true"
    (folder / "targets.conf").write_text(
        (STICKY if sticky else "")
        + f"upstream targets {{ {'hash $sticky;' if sticky else ''} {servers} keepalive 32; }}\n"
    )


def problem(folder: Path) -> str | None:
    """Return what nginx finds wrong with a configuration; None where it is right."""
    command = [PROGRAM, "-t", "-q", "-e", str(folder / "error.log"), "-c"]
    run = subprocess.run(
        [*command, str(folder / "nginx.conf")], capture_output=True, text=True, check=False
    )
    return None if run.returncode == 0 else run.stderr.strip()


@dataclass(frozen=True)
class Nginx:
    """A running nginx."""

    folder: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, folder: Path) -> Nginx:
        """Start it in the foreground of a process of its own."""
        command = [PROGRAM, "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
        with (folder / "output.log").open("ab") as output:
            return cls(folder, subprocess.Popen(command, stdout=output, stderr=output))

    def reload(self) -> None:
        """Read the configuration anew; requests under way are finished by the old workers."""
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """Finish the requests under way, then end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def is_installed() -> bool:
    """Whether nginx is on PATH."""
    return shutil.which(PROGRAM) is not None


def workers(pid: int) -> int:
    """Return how many workers an nginx has, by its process id; 0 where /proc does not say."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return len(children.read_text().split()) if children.exists() else 0


def wait_for_reload(nginx: Nginx, timeout_s: float = 10.0) -> None:
    """Wait until the old workers are gone, or the time is up."""
    deadline = time.monotonic() + timeout_s
    time.sleep(0.2)
    while workers(nginx.process.pid) > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
