import shlex

import pytest

from src.pipelines.train_options import build_parser
from src.report.model_card import COMMAND, rebuild_command

OPTIONS = {
    "data": "my class.csv", "target": "final score", "drop": ["id", "-x", "a 'b'"], "models": [],
    "budget": "standard", "metric": "mae", "cv": 4, "group": "school", "sample_weight": None,
    "exclude_sensitive": True, "pass_mark": 50.0, "test_size": 0.25,
}  # fmt: skip


@pytest.mark.parametrize("change", [{}, {"budget": 12.5}, {"pass_mark": -3.0}, {"group": "-g"},
                                    {"exclude_sensitive": False}])  # fmt: skip
def test_the_command_s_own_parser_reads_the_options_back(change, tmp_path):
    options = OPTIONS | change
    command = rebuild_command(options, seed=7)
    assert command.startswith(COMMAND)
    parsed = vars(build_parser(tmp_path).parse_args(shlex.split(command.removeprefix(COMMAND))))
    assert {name: parsed[name] for name in options} == options
    assert parsed["seed"] == 7
