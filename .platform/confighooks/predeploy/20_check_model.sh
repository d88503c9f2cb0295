#!/bin/sh
# Refuses settings with which the app would not start, such as an absent SECRET_KEY.
set -eu
cd "$(dirname "$0")/../../.."
PATH="$(echo /var/app/venv/*/bin):$PATH"
exec python .platform/check_model.py
