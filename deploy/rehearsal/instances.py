"""The instances of an environment, and the load balancer before them.

Each does with a bundle what Beanstalk's Python platform does, in its order, so that what goes wrong
goes wrong where it would on AWS: staging folder, option settings, virtual environment, predeploy
hooks, the move to the current folder, nginx, the Procfile's process.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from deploy.rehearsal import nginx
from deploy.rehearsal.beanstalk import DeploymentFailedError
from deploy.rehearsal.options import ENVIRONMENT, Settings, problems, read_ebextensions
from deploy.rehearsal.system import (
    Watch,
    end_gracefully,
    finish,
    free_port,
    listens,
    start,
    unpack,
    wait_until,
)

SIZE = 2
UNHEALTHY_S = 30.0  # without work and without an answer, after which a process will give none
INSTALLED = ".installed_s"  # in a virtual environment: the seconds that its packages took


class Fleet:
    """Two instances and the load balancer before them, on ``port``.

    ``venvs`` holds virtual environments by the hash of what is installed in them, for a later
    rehearsal too; ``folder/programs`` the platform's ``aws``.
    """

    def __init__(self, folder: Path, python: Path, venvs: Path, log: Callable[[str], None]) -> None:
        self.folder, self.python, self.venvs, self.log = folder, python, venvs, log
        self.port = free_port()
        self.credentials: dict[str, str] = {}  # with which a hook's aws calls
        self.instances: list[Instance] = []
        self._made = 0
        self._balancer: subprocess.Popen[bytes] | None = None
        self._installing = threading.Lock()

    def install(self, requirements: Path) -> Path:
        """Return the virtual environment for a requirements.txt, made unless it was made before."""
        # Its scripts name the folder that it was made in.
        made_of = requirements.read_bytes() + bytes(self.venvs.resolve())
        venv = self.venvs / hashlib.sha256(made_of).hexdigest()[:12]
        pip = [f"{venv}/bin/python", "-m", "pip", "--disable-pip-version-check"]
        log_file = self.folder / f"{venv.name}.log"
        with self._installing:
            if not (venv / INSTALLED).is_file():
                started = time.monotonic()
                for command in (
                    [str(self.python), "-m", "venv", "--clear", str(venv)],
                    [*pip, "install", "--quiet", "-r", str(requirements)],
                ):
                    if finish(start(command, self.folder, os.environ, log_file)).status:
                        said = log_file.read_text("utf-8", "replace")
                        raise DeploymentFailedError(f"Installing packages failed. {said}")
                (venv / INSTALLED).write_text(f"{time.monotonic() - started:.0f}")
        return venv

    def replace(self, bundle: Path, settings: Settings) -> None:
        """Bring a bundle to new instances, and the traffic to them once all are healthy.

        If one does not come up, its error is raised and the earlier ones go on serving.
        """
        fresh: list[Instance] = []
        try:
            for _ in range(SIZE):
                self._made += 1
                fresh.append(Instance(f"i-{self._made:02d}", self))
                started = time.monotonic()
                fresh[-1].install(bundle, settings)
                self.log(f"{fresh[-1].name}: healthy after {time.monotonic() - started:.1f} s")
        except Exception:
            for instance in fresh:
                instance.stop()
            raise
        old, self.instances = self.instances, fresh
        self._balance(fresh)
        for instance in old:
            instance.stop()

    def configure(self, settings: Settings) -> None:
        """Bring changed settings to the instances, one after another.

        If a hook refuses them, its error is raised and the settings from before stay.
        """
        before = [instance.settings for instance in self.instances]
        try:
            for instance in self.instances:
                instance.settings = read_ebextensions(instance.current) | settings
                instance.run_hooks("confighooks/predeploy", instance.current)
        except Exception:
            for instance, old in zip(self.instances, before, strict=True):
                instance.settings = old
            raise
        for instance in self.instances:
            self._balance([other for other in self.instances if other is not instance])
            instance.start_web()
        self._balance(self.instances)

    def stop(self) -> None:
        """End everything."""
        for instance in self.instances:
            instance.stop()
        if self._balancer is not None:
            end_gracefully(self._balancer, signal.SIGQUIT)

    def _balance(self, instances: list[Instance]) -> None:
        folder = self.folder / "balancer"
        targets = [instance.port for instance in instances]
        nginx.write_balancer(folder, self.port, targets, instances[0].settings)
        if self._balancer is None:
            self._balancer = nginx.start(folder)
            wait_until(lambda: listens(self.port), 60)
        else:
            nginx.reload(self._balancer)


class Instance:
    """A machine, in a folder of its own."""

    venv: Path

    def __init__(self, name: str, fleet: Fleet) -> None:
        self.name = name
        self.fleet = fleet
        self.folder = fleet.folder / name
        self.current = self.folder / "current"  # /var/app/current on AWS
        self.port, self.app_port = free_port(), free_port()
        self.settings: Settings = {}  # the bundle's, overruled by the environment's
        self.hooks_peak_mb = 0.0  # the most memory that a process of its hooks took, in MiB
        self.web: subprocess.Popen[bytes] | None = None
        self._proxy: subprocess.Popen[bytes] | None = None

    def install(self, bundle: Path, settings: Settings) -> None:
        """Bring a zip file to the point where it answers behind nginx.

        A :class:`DeploymentFailedError` names the step that failed and the end of what it printed.
        """
        staging = self.folder / "staging"
        staging.mkdir(parents=True)
        unpack(bundle, staging)
        self.settings = read_ebextensions(staging) | settings
        for problem in problems(self.settings):
            raise self._failed("reading .ebextensions", problem)
        self.venv = self.fleet.install(staging / "requirements.txt")
        self.run_hooks("hooks/predeploy", staging)
        staging.rename(self.current)
        proxy = self.folder / "nginx"
        nginx.write_platform(proxy, self.current, self.settings, self.port, self.app_port)
        if wrong := nginx.problem(proxy):
            raise self._failed("checking nginx's configuration", wrong)
        self._proxy = nginx.start(proxy)
        self.start_web()

    def run_hooks(self, kind: str, app: Path) -> None:
        """Run the bundle's hooks of a kind, in the order of their names."""
        for hook in sorted((app / ".platform" / kind).glob("*")):
            hook.chmod(0o755)  # the platform does this too
            started, log_file = time.monotonic(), self.folder / f"{hook.name}.log"
            variables = self._variables() | self.fleet.credentials
            ended = finish(start([str(hook)], app, variables, log_file))
            said = log_file.read_text("utf-8", "replace")
            self.hooks_peak_mb = max(self.hooks_peak_mb, ended.peak_mb)
            if ended.status:
                raise self._failed(f"{kind}/{hook.name}", said)
            last = (said.splitlines() or [""])[-1]
            seconds = time.monotonic() - started
            self.fleet.log(f"{self.name}: {hook.name} {seconds:.1f} s  {last}")

    def start_web(self) -> None:
        """Start what the Procfile names ``web`` with the current settings, and wait for it."""
        if self.web is not None:
            end_gracefully(self.web, signal.SIGTERM)
        procfile = (self.current / "Procfile").read_text("utf-8").splitlines()
        command = dict(line.split(": ", 1) for line in procfile)["web"]
        command = command.replace("127.0.0.1:8000", f"127.0.0.1:{self.app_port}")
        log_file = self.folder / "web.stdout.log"
        shell = ["sh", "-c", f"exec {command}"]
        self.web = web = start(shell, self.current, self._variables(), log_file)
        watch = Watch(web.pid, UNHEALTHY_S)
        while not (healthy := self._is_healthy()) and web.poll() is None and not watch.is_stuck():
            time.sleep(0.5)
        if not healthy:
            raise self._failed("health check", log_file.read_text("utf-8", "replace"))

    def stop(self) -> None:
        """End nginx and the app, each after the requests under way."""
        if self._proxy is not None:
            end_gracefully(self._proxy, signal.SIGQUIT)
        if self.web is not None:
            end_gracefully(self.web, signal.SIGTERM)

    def _variables(self) -> dict[str, str]:
        given = {name: v for (space, name), v in self.settings.items() if space == ENVIRONMENT}
        path = f"{self.venv}/bin:{self.fleet.folder}/programs:/usr/local/bin:/usr/bin:/bin"
        return {"PATH": path, "HOME": str(self.folder), "PORT": "8000", **given}

    def _is_healthy(self) -> bool:
        path = self.settings[nginx.PROCESS, "HealthCheckPath"]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5):
                return True
        except OSError:
            return False

    def _failed(self, step: str, said: str) -> DeploymentFailedError:
        tail = " ".join(said.strip().splitlines()[-3:])
        return DeploymentFailedError(f"Instance {self.name}: {step} failed. {tail}")
