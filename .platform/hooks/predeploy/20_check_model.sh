#!/bin/sh
# Refuses a bundle that cannot answer, before any traffic reaches it.
set -eu
cd "$(dirname "$0")/../../.."
PATH="$(echo /var/app/venv/*/bin):$PATH"
exec python .platform/check_model.py
