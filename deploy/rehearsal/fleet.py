"""The instances of an environment behind a load balancer: deployments and changed settings."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

from deploy.rehearsal import nginx
from deploy.rehearsal.beanstalk import DeploymentFailedError
from deploy.rehearsal.instance import Instance, Platform
from deploy.rehearsal.options import Settings, read_ebextensions

SIZE = 2


def free_port() -> int:
    """Return a loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Fleet:
    """Two instances and the load balancer before them, on ``port``."""

    folder: Path
    platform: Platform
    port: int = field(default_factory=free_port)
    instances: list[Instance] = field(default_factory=list)
    _made: int = 0
    _balancer: nginx.Nginx | None = None

    def replace(self, bundle: Path, settings: Settings) -> None:
        """Bring a bundle to new instances, and the traffic to them once all are healthy.

        Raises
        ------
        DeploymentFailedError
            If an instance does not come up; the earlier ones go on serving.
        """
        fresh: list[Instance] = []
        try:
            for _ in range(SIZE):
                self._made += 1
                name = f"i-{self._made:02d}"
                ports = free_port(), free_port()
                fresh.append(Instance(name, self.folder / name, *ports, self.platform))
                started = time.monotonic()
                fresh[-1].install(bundle, settings)
                self.platform.log(f"{name}: healthy after {time.monotonic() - started:.1f} s")
        except DeploymentFailedError:
            for instance in fresh:
                instance.stop()
            raise
        old, self.instances = self.instances, fresh
        self._balance(fresh)
        for instance in old:
            instance.stop()

    def configure(self, settings: Settings) -> None:
        """Bring changed settings to the instances, one after another.

        Raises
        ------
        DeploymentFailedError
            If a hook refuses them; the instances keep the settings from before.
        """
        before = [instance.settings for instance in self.instances]
        try:
            for instance in self.instances:
                instance.settings = read_ebextensions(instance.current) | settings
                instance.run_hooks("confighooks/predeploy", instance.current)
        except DeploymentFailedError:
            for instance, old in zip(self.instances, before, strict=True):
                instance.settings = old
            raise
        for instance in self.instances:
            self._balance([other for other in self.instances if other is not instance])
            instance.restart_web()
        self._balance(self.instances)

    def stop(self) -> None:
        """End everything."""
        for instance in self.instances:
            instance.stop()
        if self._balancer is not None:
            self._balancer.stop()

    def _balance(self, instances: list[Instance]) -> None:
        folder = self.folder / "balancer"
        targets = [instance.port for instance in instances]
        nginx.write_balancer(folder, self.port, targets, instances[0].settings)
        if self._balancer is None:
            self._balancer = nginx.Nginx.start(folder)
            time.sleep(0.5)
        else:
            self._balancer.reload()
