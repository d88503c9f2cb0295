"""What SECURITY.md says of the serving set, and that the monthly workflow looks at all pins."""

from __future__ import annotations

import re
from importlib.metadata import metadata
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"^([\w-]+)==", re.MULTILINE)


def test_each_package_of_the_serving_set_stands_there_with_its_licence() -> None:
    table = (ROOT / "SECURITY.md").read_text("utf-8").partition("| package | licence |")[2]
    told = dict(re.findall(r"^\| ([\w-]+) \| ([\w-]+) \|$", table, re.MULTILINE))
    pins = PIN.findall((ROOT / "requirements-serve.txt").read_text("utf-8"))
    assert sorted(told) == sorted(pins)
    for name, licence in told.items():
        stated = metadata(name)
        texts = [stated.get("License-Expression") or "", stated.get("License") or ""]
        texts += stated.get_all("Classifier") or []
        assert licence.partition("-")[0] in " ".join(texts)


def test_the_monthly_workflow_looks_at_every_list_of_pins_that_is_installed() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/security.yml").read_text("utf-8"))
    pins = workflow["jobs"]["known-vulnerabilities"]["strategy"]["matrix"]["pins"]
    assert all((ROOT / path).is_file() for path in pins)
    assert {"requirements-serve.txt", "requirements.txt"} <= set(pins)
