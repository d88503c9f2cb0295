#!/bin/sh
# Refuses settings with which the app would not start, such as a number that is none.
set -eu
cd "$(dirname "$0")/../../.."
set -- .platform/confighooks/predeploy/20_check_model.sh
. .platform/as_webapp
for programs in /var/app/venv/*/bin; do PATH="$programs:$PATH"; done
exec python .platform/check_model.py
