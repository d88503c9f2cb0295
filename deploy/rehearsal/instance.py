"""One machine of an environment: what Beanstalk's Python platform does with a bundle, step by step.

Staging folder, virtual environment, option settings, proxy configuration, predeploy hooks, the move
to the current folder, the Procfile's process, nginx. In this order, so that what goes wrong goes
wrong where it would on AWS.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from deploy.rehearsal import nginx
from deploy.rehearsal.beanstalk import DeploymentFailedError
from deploy.rehearsal.options import ENVIRONMENT, Settings, problems, read_ebextensions

PROCFILE = re.compile(r"(?P<name>[A-Za-z0-9_-]+):\s*(?P<command>[^\s].*)")
HEALTHY_WITHIN_S = 90.0
GRACE_S = 40.0
COMPLETE = ".installed_s"  # in a virtual environment: the seconds that it took


@dataclass
class Platform:
    """What all instances of the rehearsal share.

    Attributes
    ----------
    python : Path
        The interpreter that the platform would bring.
    venvs : Path
        Virtual environments by the hash of what is installed in them.
    programs : Path
        Holds the platform's ``aws`` command.
    log : callable
        Takes a line for people.
    credentials : dict of str to str
        Variables with which a hook's ``aws`` calls as the instance role.
    """

    python: Path
    venvs: Path
    programs: Path
    log: Callable[[str], None]
    credentials: Mapping[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def venv(self, requirements: Path) -> Path:
        """Return where the virtual environment for a requirements.txt is."""
        return self.venvs / hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]

    def install(self, requirements: Path) -> None:
        """Install what a requirements.txt lists, unless that list was installed before.

        Raises
        ------
        subprocess.CalledProcessError
            With what pip printed.
        """
        venv = self.venv(requirements)
        with self._lock:
            if (venv / COMPLETE).is_file():
                return
            started = time.monotonic()
            shutil.rmtree(venv, ignore_errors=True)
            pip = [f"{venv}/bin/python", "-m", "pip", "--disable-pip-version-check"]
            for command in (
                [str(self.python), "-m", "venv", str(venv)],
                [*pip, "install", "--quiet", "-r", str(requirements)],
            ):
                subprocess.run(command, capture_output=True, text=True, check=True)
            seconds = time.monotonic() - started
            (venv / COMPLETE).write_text(f"{seconds:.1f}")
        self.log(f"installed requirements.txt in {seconds:.0f} s, {installed_mb(venv):.0f} MB")


@dataclass
class Instance:
    """An instance in a folder of its own.

    Attributes
    ----------
    settings : dict
        The bundle's option settings, overruled by the environment's.
    hooks_peak_mb : float
        The most memory that a process of its hooks took, in MiB.
    """

    name: str
    folder: Path
    port: int
    app_port: int
    platform: Platform
    settings: Settings = field(default_factory=dict)
    hooks_peak_mb: float = 0.0
    _web: subprocess.Popen[bytes] | None = None
    _proxy: nginx.Nginx | None = None

    @property
    def current(self) -> Path:
        """Where the app runs: /var/app/current on AWS."""
        return self.folder / "current"

    @property
    def staging(self) -> Path:
        """Where a bundle is made ready: /var/app/staging on AWS."""
        return self.folder / "staging"

    @property
    def venv(self) -> Path:
        """The virtual environment for the bundle's requirements.txt."""
        source = self.current if self.current.is_dir() else self.staging
        return self.platform.venv(source / "requirements.txt")

    @property
    def pid(self) -> int:
        """Process id of the web server's first process."""
        assert self._web is not None
        return self._web.pid

    def install(self, bundle: Path, environment_settings: Settings) -> None:
        """Bring a bundle to the point where it answers behind nginx.

        Parameters
        ----------
        bundle : Path
            The zip file.
        environment_settings : dict
            What is set on the environment; it overrules the bundle's option settings.

        Raises
        ------
        DeploymentFailedError
            With the step that failed and the end of what it printed.
        """
        self.staging.mkdir(parents=True)
        unpack(bundle, self.staging)
        try:
            self.settings = read_ebextensions(self.staging) | environment_settings
        except (ValueError, KeyError, AttributeError) as error:
            raise self._failed("reading .ebextensions", str(error)) from error
        for problem in problems(self.settings):
            raise self._failed("reading .ebextensions", problem)
        try:
            self.platform.install(self.staging / "requirements.txt")
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", "") or str(error)
            raise self._failed("installing packages", said) from error
        self.run_hooks("hooks/predeploy", self.staging)
        self.staging.rename(self.current)
        proxy = self.folder / "nginx"
        nginx.write_platform(proxy, self.current, self.settings, self.port, self.app_port)
        if wrong := nginx.problem(proxy):
            raise self._failed("checking nginx's configuration", wrong)
        self._start_web()
        self._proxy = nginx.Nginx.start(proxy)
        self._wait_until_healthy()

    def run_hooks(self, kind: str, app: Path) -> None:
        """Run the bundle's hooks of a kind, in the order of their names.

        Raises
        ------
        DeploymentFailedError
            If one exits with another status than 0.
        """
        for hook in sorted((app / ".platform" / kind).glob("*")):
            hook.chmod(0o755)  # the platform does this too
            started = time.monotonic()
            with tempfile.TemporaryFile("w+") as output:
                environment = {**self._variables(), **self.platform.credentials}
                process = _start([str(hook)], app, environment, output)
                # Unlike wait(), it tells the memory of the largest process of the hook.
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
                output.seek(0)
                said = output.read()
            self.hooks_peak_mb = max(self.hooks_peak_mb, usage.ru_maxrss / 1024)
            with (self.folder / "eb-engine.log").open("a") as log:
                log.write(f"{hook.name} ({process.returncode})\n{said}")
            if process.returncode:
                raise self._failed(f"{kind}/{hook.name}", said)
            last = (said.strip().splitlines() or [""])[-1]
            seconds = time.monotonic() - started
            self.platform.log(f"{self.name}: {hook.name} {seconds:.1f} s  {last}")

    def restart_web(self) -> None:
        """End the app's process gracefully and start it with the current settings."""
        self._stop_web()
        self._start_web()
        self._wait_until_healthy()

    def stop(self) -> None:
        """End nginx and the app, each after the requests under way."""
        if self._proxy is not None:
            self._proxy.stop()
        self._stop_web()

    def _variables(self) -> dict[str, str]:
        given = {name: v for (space, name), v in self.settings.items() if space == ENVIRONMENT}
        path = f"{self.venv}/bin:{self.platform.programs}:/usr/local/bin:/usr/bin:/bin"
        return {"PATH": path, "HOME": str(self.folder), "PORT": "8000", **given}

    def _start_web(self) -> None:
        """Start what the Procfile names ``web``, in the current folder."""
        lines = (self.current / "Procfile").read_text("utf-8").splitlines()
        parsed = [PROCFILE.fullmatch(line) for line in lines]
        commands = {m["name"]: m["command"] for m in parsed if m}
        if len(commands) != len(lines) or "web" not in commands:
            raise self._failed("reading the Procfile", "\n".join(lines))
        command = commands["web"].replace("127.0.0.1:8000", f"127.0.0.1:{self.app_port}")
        with (self.folder / "web.stdout.log").open("ab") as log:
            shell = ["sh", "-c", f"exec {command}"]
            self._web = _start(shell, self.current, self._variables(), log)

    def _wait_until_healthy(self) -> None:
        """Ask for the health check's path through nginx until it answers 200."""
        url = f"http://127.0.0.1:{self.port}{self.settings[nginx.PROCESS, 'HealthCheckPath']}"
        deadline = time.monotonic() + HEALTHY_WITHIN_S
        while time.monotonic() < deadline and self._web is not None and self._web.poll() is None:
            try:
                with urllib.request.urlopen(url, timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        said = (self.folder / "web.stdout.log").read_text("utf-8", "replace")
        raise self._failed("health check", said)

    def _stop_web(self) -> None:
        if self._web is not None:
            nginx.end_gracefully(self._web, signal.SIGTERM, GRACE_S)

    def _failed(self, step: str, said: str) -> DeploymentFailedError:
        tail = " ".join(said.strip().splitlines()[-3:])
        return DeploymentFailedError(f"Instance {self.name}: {step} failed. {tail}")


def _start(
    command: list[str], folder: Path, environment: Mapping[str, str], output: IO[Any]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
    )


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip file with the modes of its files."""
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            path = Path(opened.extract(entry, folder))
            if not entry.is_dir():
                path.chmod(entry.external_attr >> 16 & 0o777 or 0o644)


def installed_mb(venv: Path) -> float:
    """Return the megabytes of the packages in a virtual environment, pip left out."""
    (site,) = venv.glob("lib/python*/site-packages")
    tops = [
        top for top in site.iterdir() if not top.name.startswith(("pip", "setuptools", "_dist"))
    ]
    files = [path for top in tops for path in [top, *top.rglob("*")]]
    return sum(path.lstat().st_size for path in files) / 1e6


def installed_s(venv: Path) -> float:
    """Return the seconds that a virtual environment's making and installation took."""
    return float((venv / COMPLETE).read_text())


def memory_mb(pid: int) -> float:
    """Return the proportional memory of a process and its children, in MiB."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pss = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)
    rollups = [Path(f"/proc/{one}/smaps_rollup").read_text() for one in (pid, *children)]
    return sum(int(size) for text in rollups for size in pss.findall(text)) / 1024
