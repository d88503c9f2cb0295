"""nginx on loopback ports: as Beanstalk's platform sets it up, and as a load balancer."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from deploy.rehearsal import system
from deploy.rehearsal.options import Settings

STATIC_FILES = "aws:elasticbeanstalk:environment:proxy:staticfiles"
PROCESS = "aws:elasticbeanstalk:environment:process:default"
TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("nginx_templates")),
    autoescape=False,  # nginx's language, not HTML
)
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def _write(template: str, path: Path, **values: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Started by root, nginx would serve as nobody, who cannot read a temporary folder.
    common = {"folder": path.parent, "temporary": TEMPORARY, "root": os.geteuid() == 0}
    path.write_text(TEMPLATES.get_template(template).render(common | values))


def write_platform(folder: Path, app: Path, settings: Settings, port: int, app_port: int) -> None:
    """Write an instance's configuration: the platform's files, then the bundle's over them.

    Three things of the bundle's files are replaced, since several instances share this machine:
    the app's port, its folder, and the private network, which is the loopback here.
    """
    served = folder / "conf.d" / "elasticbeanstalk"
    static = {name: value for (space, name), value in settings.items() if space == STATIC_FILES}
    _write("instance.conf", folder / "nginx.conf", port=port)
    _write("00_application.conf", served / "00_application.conf", app_port=app_port)
    _write("01_static.conf", served / "01_static.conf", app=app, static=static)
    ours = app / ".platform" / "nginx"
    for path in sorted(ours.rglob("*.conf")):
        text = path.read_text("utf-8").replace("127.0.0.1:8000", f"127.0.0.1:{app_port}")
        text = text.replace("/var/app/current", str(app)).replace("10.0.0.0/8", "127.0.0.1/32")
        (folder / path.relative_to(ours)).write_text(text)


def write_balancer(folder: Path, port: int, targets: list[int], settings: Settings) -> None:
    """Write the load balancer's configuration, for the ports of the instances."""
    sticky = settings.get((PROCESS, "StickinessEnabled")) == "true"
    _write("balancer.conf", folder / "nginx.conf", port=port, targets=targets, sticky=sticky)


def _command(folder: Path) -> list[str]:
    return ["nginx", "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]


def problem(folder: Path) -> str | None:
    """Return what nginx finds wrong with a configuration; None where it is right."""
    command = [*_command(folder), "-t", "-q"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if run.returncode == 0 else run.stderr.strip()


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Start nginx in the foreground of a process of its own; SIGQUIT ends it gracefully."""
    return system.start(_command(folder), folder, os.environ, folder / "output.log")


def reload(process: subprocess.Popen[bytes]) -> None:
    """Read the configuration anew, and wait until the old workers have finished."""
    process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    system.wait_until(lambda: len(system.children(process.pid)) == 1, timeout_s=60)
