"""Lint policies, name to document on stdin, to name to issues, with the tools' Python."""

import json
import sys
import warnings

warnings.simplefilter("ignore")  # that pkg_resources is old
import parliament  # noqa: E402

documents = json.load(sys.stdin)
found = {
    name: [finding.issue for finding in parliament.analyze_policy_string(json.dumps(d)).findings]
    for name, d in documents.items()
}
json.dump(found, sys.stdout)
