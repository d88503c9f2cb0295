"""The instances of an environment behind a load balancer: deployments and changed settings."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from deploy.rehearsal import nginx
from deploy.rehearsal.beanstalk import DeploymentFailedError, Version
from deploy.rehearsal.instance import Instance, Machine
from deploy.rehearsal.options import Settings, read_ebextensions


@dataclass
class Fleet:
    """Two instances and what stands before them.

    Attributes
    ----------
    folder : Path
    size : int
        Instances that share the traffic.
    port : int
        The load balancer's.
    free_port : callable
        Returns a loopback port that nobody uses.
    download : callable
        Takes a version, returns its zip file, fetched as the instance role.
    """

    folder: Path
    size: int
    port: int
    machine: Machine
    free_port: Callable[[], int]
    download: Callable[[Version], Path]
    instances: list[Instance] = field(default_factory=list)
    served: Version | None = None
    _made: int = 0
    _balancer: nginx.Nginx | None = None

    def deploy(self, version: Version | None, settings: Settings) -> None:
        """Bring a version to new instances, or changed settings to those that run.

        Raises
        ------
        DeploymentFailedError
            If an instance does not come up; the earlier ones go on serving.
        """
        if version is None:
            self._configure(settings)
        else:
            self._replace(version, settings)

    def stop(self) -> None:
        """End everything."""
        for instance in self.instances:
            instance.stop()
        if self._balancer is not None:
            self._balancer.stop()

    def _replace(self, version: Version, settings: Settings) -> None:
        bundle = self.download(version)
        fresh: list[Instance] = []
        try:
            for _ in range(self.size):
                self._made += 1
                name = f"i-{self._made:02d}"
                ports = self.free_port(), self.free_port()
                instance = Instance(name, self.folder / name, *ports, self.machine)
                fresh.append(instance)
                started = time.monotonic()
                instance.install(bundle, settings)
                self.machine.tell(f"{name}: healthy after {time.monotonic() - started:.1f} s")
        except DeploymentFailedError:
            for instance in fresh:
                instance.stop()
            raise
        old, self.instances, self.served = self.instances, fresh, version
        self._balance(self.instances)
        for instance in old:
            instance.stop()

    def _configure(self, settings: Settings) -> None:
        with self._settings(settings):
            for instance in self.instances:
                instance.run_hooks("confighooks/predeploy", instance.current)
        for instance in self.instances:
            self._balance([other for other in self.instances if other is not instance])
            instance.restart_web()
        self._balance(self.instances)

    @contextlib.contextmanager
    def _settings(self, settings: Settings) -> Iterator[None]:
        """Give all instances new settings, and the old ones back if the block fails."""
        before = [instance.settings for instance in self.instances]
        for instance in self.instances:
            instance.settings = read_ebextensions(instance.current) | settings
        try:
            yield
        except DeploymentFailedError:
            for instance, old in zip(self.instances, before, strict=True):
                instance.settings = old
            raise

    def _balance(self, instances: list[Instance]) -> None:
        folder = self.folder / "balancer"
        if self._balancer is None:
            nginx.write_balancer(folder, self.port)
        ports = [instance.port for instance in instances]
        nginx.write_targets(folder, ports, instances[0].settings)
        if self._balancer is None:
            self._balancer = nginx.Nginx.start(folder)
            time.sleep(0.5)
        else:
            self._balancer.reload()
            nginx.wait_for_reload(self._balancer)
