"""Lint policies, name to document on stdin, to name to issues, with the tools' Python."""

import json
import sys
import warnings


def main() -> None:
    warnings.simplefilter("ignore")  # that pkg_resources is old
    import parliament

    documents = json.load(sys.stdin)
    found = {
        name: [f.issue for f in parliament.analyze_policy_string(json.dumps(d)).findings]
        for name, d in documents.items()
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
