"""The guide names what exists, and its `eb` commands do what it says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.templates import FOLDER

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "deploy" / "README.md"
TEXT = GUIDE.read_text("utf-8")


def parameters(name: str) -> set[str]:
    text = (FOLDER / name).read_text("utf-8")
    section = re.search(r"^Parameters:\n(.*?)^\w", text, re.M | re.S)[1]
    return set(re.findall(r"^  (\w+):$", section, re.M))


ALL = {path.name: parameters(path.name) for path in FOLDER.glob("*.yaml")}


@pytest.mark.parametrize("page", ["deploy/README.md", "deploy/iam/README.md"])
def test_every_link_leads_to_a_file(page):
    path = ROOT / page
    for link in re.findall(r"\]\((?!https?://)([^)#]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
        assert (path.parent / link).exists(), link


def test_the_steps_are_numbered_without_a_gap():
    numbers = [int(n) for n in re.findall(r"^(\d+)\. ", TEXT, re.M)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 10


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (1, ["Account → IAM user and role access to Billing", "Upgrade plan", "The credits stay"]),
        (3, ["Enable with AWS Organizations"]),
        (4, ["On an account's first day AWS makes no budget", "takes nothing else with it"]),
        (6, ["Subscription Confirmation", "aws sns list-subscriptions", "RATE_LIMIT"]),
        (8, ["Concurrently running builds", "Cannot have more than 0 builds"]),
    ],
)
def test_what_stops_a_new_account_stands_at_the_step_where_it_does(step, said):
    """D7, D8."""
    text = re.search(rf"^{step}\. .*?(?=^{step + 1}\. |^## )", TEXT, re.M | re.S)[0]
    assert [words for words in said if words not in text] == []


def test_taking_it_down_waits_for_the_end_of_each_stack():
    """D8."""
    block = TEXT[TEXT.index("## Taking it all down") :].split("```")[1]
    stacks = re.search(r"for stack in (.+?);", block)[1].split()
    assert {f"{stack}.yaml" for stack in stacks} == set(ALL)
    assert block.index("delete-stack") < block.index("wait stack-delete-complete")


def test_windows_has_one_route_and_it_stands_before_the_first_step():
    """D10."""
    assert TEXT.index("**On Windows**") < TEXT.index("wsl --install") < TEXT.index("\n1. ")
    installed = re.search(r"apt install -y ([a-z0-9 -]+)", TEXT)[1].split()
    assert {"git", "make", "python3-venv", "unzip", "curl", "pipx"} <= set(installed)


def test_no_command_of_a_guide_asks_for_a_python_that_has_nothing_installed():
    """D5: after `make setup`, the project's packages are in .venv alone."""
    bare = [
        (page.name, line)
        for page in (ROOT / "deploy").rglob("*.md")
        for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.S)
        for line in block.splitlines()
        if re.match(r"\s*python3? -m (deploy|src)", line) and ".venv/bin/activate" not in block
    ]
    assert bare == []


def test_every_template_is_deployed_with_parameters_it_has():
    end = r"(?=\n\s*(?:```|aws |ACCOUNT=))"
    commands = re.findall(rf"aws cloudformation deploy(.*?){end}", TEXT, re.S)
    deployed = set()
    for command in commands:
        name = re.search(r"--template-file deploy/cloudformation/(\S+)", command)[1]
        given = set(re.findall(r"[\s\"](\w+)=", command.partition("--parameter-overrides")[2]))
        assert given <= ALL[name], (name, given - ALL[name])
        deployed.add(name)
    assert deployed == set(ALL)


def test_every_parameter_of_the_table_is_one_of_the_app_template():
    rows = re.findall(r"^   \| `([^`]+)` \|", TEXT, re.M)
    named = {name for row in rows for name in re.findall(r"(\w+)=", row)}
    assert named
    assert named <= ALL["app.yaml"]


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:`|^ *)make ([a-z-]+)", TEXT, re.M))))
def test_every_make_target_exists(target):
    assert re.search(rf"^{target}:.*##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


def test_both_the_consoles_words_and_commands_are_there():
    for word in ("Release change", "Full logs", "Update pending connection", "eb logs", "eb deploy",
                 "Configuration → Security", "OAuth", "Superseded", "QUEUED", "PARALLEL", "MFA",
                 "AWSElasticBeanstalkService"):  # fmt: skip
        assert word in TEXT + (ROOT / "deploy/iam/README.md").read_text("utf-8")


def test_every_figure_of_the_rehearsal_is_in_the_guide():
    figures = set()
    for name in ("context.py", "steps.py"):
        text = (ROOT / "deploy/rehearsal" / name).read_text("utf-8")
        figures |= set(re.findall(r'\.figure\(\s*f?"([^",{]+)', text))
    assert len(figures) >= 5
    assert {figure for figure in figures if figure not in TEXT} == set()


# ---------------------------------------------------------------- aws

VERSION_2 = ("configure sso", "logs tail")  # of which PyPI's version 1 knows nothing
CHECK = """
import json, sys
from awscli.clidriver import create_clidriver
services = create_clidriver()._get_command_table()
wrong = []
for service, operation, options in json.load(sys.stdin):
    command = services[service]
    table = getattr(command, "subcommand_table", None) or command._get_command_table()
    if operation not in table:
        wrong.append(f"{service} {operation}")
    if operation not in table or operation == "wait":  # whose options are those of its waiters
        continue
    known = {"query", "output", *(name.removeprefix("--") for name in table[operation].arg_table)}
    wrong += [f"{service} {operation} --{option}" for option in options if option not in known]
json.dump(wrong, sys.stdout)
"""


def test_aws_has_every_command_of_the_guide(run_tool):
    text = TEXT.replace("\\\n", " ")
    listed = re.findall(r"aws (?!sts get-session)([a-z0-9]+) ([a-z-]+)([^`|#\n]*)", text)
    asked = [
        (service, operation, re.findall(r"--([a-z-]+)", rest))
        for service, operation, rest in listed
        if f"{service} {operation}" not in VERSION_2
    ]
    assert len(asked) > 10
    mistakes = [("s3", "copy", []), ("cloudformation", "deploy", ["template"])]
    run = run_tool("python", "-c", CHECK, input=json.dumps(asked + mistakes))
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == ["s3 copy", "cloudformation deploy --template"]
    assert all(command in text for command in VERSION_2)
    assert "aws-cli/2." in text


# ---------------------------------------------------------------- eb


def commands(after: str) -> list[str]:
    """Return the guide's next `eb` commands: those of one code block, for one region."""
    block = TEXT[TEXT.index(after) :].split("```")[1]
    found = re.findall(r"(?:^ *|&& )(eb (?:init|use|deploy)\b[^&#)\n]*)", block, re.M)
    return [command.replace("$AWS_REGION", "us-east-1").strip() for command in found]


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("after", "env_name", "platform", "below", "shipped"),
    [
        ("**From your machine**", "stuprediction-web", "Python 3.13", "", []),
        ("## The Streamlit page", "stuprediction-streamlit", "Docker", "build/streamlit",
         ["Dockerrun.aws.json"]),
    ],
)  # fmt: skip
def test_people_who_deploy_may_run_the_guides_eb_commands(
    run_tool, after, env_name, platform, below, shipped
):
    asked = commands(after)
    assert asked[0].startswith("eb init stuprediction --region us-east-1 --platform ")
    if not below:  # what ships from a clone is shown by the rehearsal
        asked = [command for command in asked if "deploy" not in command]
    ran = run_tool(
        "python", "tests/deploy/eb_session.py", env_name, platform, below, json.dumps(asked),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    outcome = json.loads(ran.stdout)
    assert (outcome["failed"], outcome["denied"]) == ([], [])
    assert f"default_platform: {platform}\n" in outcome["config"]
    assert outcome["shipped"] == shipped


# ---------------------------------------------------------------- all of it, in its order

# What is called in the guide and cannot be had here.
NOT_HERE = {
    "make rehearse", "curl", "unzip", "sudo", "pipx", "docker", "eb open", "aws service-quotas",
    "aws codepipeline", "aws ecr",
}  # fmt: skip


@pytest.mark.slow
def test_the_guide_leads_from_an_empty_account_to_there_and_back(
    run_tool, sample_artifacts, tmp_path
):
    """D5: no step assumes what an earlier one did not make, and every command runs."""
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    for command in (
        ["clone", "--bare", str(ROOT), str(origin)],
        ["clone", str(origin), str(clone)],
        ["-C", str(clone), "checkout", "-B", "main"],
        ["-C", str(clone), "push", "--set-upstream", "origin", "main", "--force"],
    ):
        subprocess.run(["git", *command], check=True, capture_output=True)
    (clone / ".venv").symlink_to(Path(sys.prefix))
    ran = run_tool(
        "python", "tests/deploy/guide_session.py", str(clone), str(sample_artifacts),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    outcome = json.loads(ran.stdout)
    assert outcome["status"] == 0, outcome["said"]
    assert outcome["denied"] == []
    assert outcome["stacks"] == {f"stuprediction-{name[:-5]}": "CREATE_COMPLETE" for name in ALL}
    assert outcome["left"] == []
    assert [line.partition(":")[0] for line in outcome["deployed"]] == [
        "stuprediction-web", "stuprediction-streamlit",
    ]  # fmt: skip
    listed = re.findall(r"```sh\n(.*?)```", TEXT, re.S)
    assert len(outcome["calls"]) > len(listed)
