#!/bin/sh
# Refuses a bundle that cannot answer, before any traffic reaches it.
set -eu
cd "$(dirname "$0")/../../.."
set -- .platform/hooks/predeploy/20_check_model.sh
. .platform/as_webapp
for programs in /var/app/venv/*/bin; do PATH="$programs:$PATH"; done
exec python .platform/check_model.py
