"""One machine of an environment: what Beanstalk's Python platform does with a bundle, step by step.

Staging folder, virtual environment, option settings, proxy configuration, predeploy hooks, the move
to the current folder, the Procfile's process, nginx. In this order, so that what goes wrong goes
wrong where it would on AWS.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.rehearsal import nginx
from deploy.rehearsal.beanstalk import DeploymentFailedError
from deploy.rehearsal.options import (
    ENVIRONMENT,
    SECRETS,
    Settings,
    problems,
    read_ebextensions,
)

PROCFILE = re.compile(r"(?P<name>[A-Za-z0-9_-]+):\s*(?P<command>[^\s].*)")
HEALTHY_WITHIN_S = 90.0
GRACE_S = 40.0
COMPLETE = ".installed_s"  # in a virtual environment: the seconds that it took


@dataclass(frozen=True)
class Machine:
    """What all instances of the rehearsal share.

    Attributes
    ----------
    python : Path
        The interpreter that the platform would bring.
    venvs : Path
        Virtual environments by the hash of what is installed in them.
    programs : Path
        Holds the platform's ``aws`` command.
    credentials : dict of str to str
        Variables with which a hook's ``aws`` calls as the instance role.
    read_secret : callable
        Takes an ARN, returns the secret, as the instance role.
    tell : callable
        Takes a line for people.
    """

    python: Path
    venvs: Path
    programs: Path
    credentials: Mapping[str, str]
    read_secret: Callable[[str], str]
    tell: Callable[[str], None]
    lock: threading.Lock = field(default_factory=threading.Lock)

    def venv(self, requirements: Path) -> Path:
        """Return where the virtual environment for a requirements.txt is."""
        return self.venvs / hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]

    def install(self, requirements: Path) -> None:
        """Install what a requirements.txt lists, unless an instance before had the same list.

        Raises
        ------
        subprocess.CalledProcessError
            With what pip said.
        """
        venv = self.venv(requirements)
        with self.lock:
            if (venv / COMPLETE).is_file():
                return
            started = time.monotonic()
            shutil.rmtree(venv, ignore_errors=True)
            python = str(venv / "bin" / "python")
            pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
            for command in (
                [str(self.python), "-m", "venv", str(venv)],
                [*pip, "-r", str(requirements)],
            ):
                subprocess.run(command, capture_output=True, text=True, check=True)
            seconds = time.monotonic() - started
            (venv / COMPLETE).write_text(f"{seconds:.1f}")
        self.tell(f"installed requirements.txt in {seconds:.0f} s, {installed_mb(venv):.0f} MB")


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
    machine: Machine
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
    def log(self) -> Path:
        """What the app wrote: /var/log/web.stdout.log on AWS."""
        return self.folder / "web.stdout.log"

    @property
    def venv(self) -> Path:
        """The virtual environment for the bundle's requirements.txt."""
        source = self.current if self.current.is_dir() else self.staging
        return self.machine.venv(source / "requirements.txt")

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
            The zip file, downloaded already.
        environment_settings : dict
            What is set on the environment, which overrules the bundle's option settings.

        Raises
        ------
        DeploymentFailedError
            With the step that failed and the end of what it printed.
        """
        self._unpack(bundle)
        try:
            self.settings = read_ebextensions(self.staging) | environment_settings
        except (ValueError, KeyError, AttributeError) as error:
            raise self._failed("reading .ebextensions", str(error)) from error
        for problem in problems(self.settings):
            raise self._failed("reading .ebextensions", problem)
        self._install_packages()
        self.run_hooks("hooks/predeploy", self.staging)
        self.staging.rename(self.current)
        proxy = self.folder / "nginx"
        nginx.write_platform(proxy, self.current, self.settings, self.port, self.app_port)
        if problem_ := nginx.problem(proxy):
            raise self._failed("checking nginx's configuration", problem_)
        self.start_web()
        self._proxy = nginx.Nginx.start(proxy)
        self.wait_until_healthy()

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
                process = subprocess.Popen(
                    [str(hook)],
                    cwd=app,
                    env={**self.variables(), **self.machine.credentials},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                )
                # Unlike wait(), it says how much memory the largest process of the hook took.
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
                output.seek(0)
                said = output.read()
            self.hooks_peak_mb = max(self.hooks_peak_mb, usage.ru_maxrss / 1024)
            with (self.folder / "eb-engine.log").open("a") as log:
                log.write(f"{hook.name} ({process.returncode})\n{said}")
            if process.returncode:
                raise self._failed(f"{kind}/{hook.name}", said)
            seconds = time.monotonic() - started
            last = (said.strip().splitlines() or [""])[-1]
            self.machine.tell(f"{self.name}: {hook.name} {seconds:.1f} s  {last}")

    def variables(self) -> dict[str, str]:
        """Return the environment variables of hooks and processes."""
        given = {name: v for (space, name), v in self.settings.items() if space == ENVIRONMENT}
        secrets = {
            name: self.machine.read_secret(arn)
            for (space, name), arn in self.settings.items()
            if space == SECRETS
        }
        path = f"{self.venv}/bin:{self.machine.programs}:/usr/local/bin:/usr/bin:/bin"
        return {"PATH": path, "HOME": str(self.folder), "PORT": "8000", **secrets, **given}

    def start_web(self) -> None:
        """Start what the Procfile names ``web``, in the current folder, as systemd does."""
        lines = (self.current / "Procfile").read_text("utf-8").splitlines()
        parsed = [PROCFILE.fullmatch(line) for line in lines]
        commands = {m["name"]: m["command"] for m in parsed if m}
        if len(commands) != len(lines) or "web" not in commands:
            raise self._failed("reading the Procfile", "\n".join(lines))
        command = commands["web"].replace("127.0.0.1:8000", f"127.0.0.1:{self.app_port}")
        with self.log.open("ab") as log:
            self._web = subprocess.Popen(
                ["sh", "-c", f"exec {command}"],
                cwd=self.current,
                env=self.variables(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_until_healthy(self) -> None:
        """Ask for the health check's path through nginx until it answers 200.

        Raises
        ------
        DeploymentFailedError
            If the process ends or the time is up before that.
        """
        path = self.settings[nginx.PROCESS, "HealthCheckPath"]
        deadline = time.monotonic() + HEALTHY_WITHIN_S
        while time.monotonic() < deadline:
            if self._web is not None and self._web.poll() is not None:
                break
            if answers(self.port, path):
                return
            time.sleep(0.1)
        raise self._failed("health check", self.log.read_text("utf-8", "replace"))

    def restart_web(self) -> None:
        """End the app's process gracefully and start it anew, with the settings of now."""
        self._stop_web()
        self.start_web()
        self.wait_until_healthy()

    def stop(self) -> None:
        """End nginx and the app, each after the requests under way."""
        if self._proxy is not None:
            self._proxy.stop()
        self._stop_web()

    def _stop_web(self) -> None:
        if self._web is None or self._web.poll() is not None:
            return
        self._web.send_signal(signal.SIGTERM)
        try:
            self._web.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._web.kill()
            self._web.wait()

    def _unpack(self, bundle: Path) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.staging.mkdir(parents=True)
        with zipfile.ZipFile(bundle) as archive:
            for entry in archive.infolist():
                path = archive.extract(entry, self.staging)
                mode = entry.external_attr >> 16 & 0o777
                if mode and not entry.is_dir():
                    Path(path).chmod(mode)

    def _install_packages(self) -> None:
        listed = self.staging / "requirements.txt"
        if not listed.is_file():
            raise self._failed("installing packages", "The bundle has no requirements.txt.")
        try:
            self.machine.install(listed)
        except subprocess.CalledProcessError as error:
            raise self._failed("installing packages", error.stderr or str(error)) from error

    def _failed(self, step: str, said: str) -> DeploymentFailedError:
        tail = " ".join(said.strip().splitlines()[-3:])
        return DeploymentFailedError(f"Instance {self.name}: {step} failed. {tail}")


def answers(port: int, path: str) -> bool:
    """Whether a loopback port answers a path with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def installed_mb(venv: Path) -> float:
    """Return the megabytes of the packages in a virtual environment, pip left out."""
    (site,) = venv.glob("lib/python*/site-packages")
    return (
        sum(
            path.lstat().st_size
            for top in site.iterdir()
            if not top.name.startswith(("pip", "setuptools", "_distutils"))
            for path in [top, *(top.rglob("*") if top.is_dir() else ())]
        )
        / 1e6
    )


def installed_s(venv: Path) -> float:
    """Return the seconds that a virtual environment's making and installation took."""
    return float((venv / COMPLETE).read_text())


def memory_mb(pid: int) -> float | None:
    """Return the proportional memory of a process and its children; None without Linux's /proc."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    if not children.exists():
        return None
    total = 0
    for member in (pid, *map(int, children.read_text().split())):
        rollup = Path(f"/proc/{member}/smaps_rollup").read_text()
        total += int(re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)[1])  # type: ignore[index]
    return total / 1024
