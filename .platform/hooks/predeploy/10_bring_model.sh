#!/bin/sh
# Gives an instance its model where the bundle brings none: the run that MODEL_URI names, or a
# training on the sample table. Same table, same seed: every instance comes to the same model.
set -eu
cd "$(dirname "$0")/../../.."
set -- .platform/hooks/predeploy/10_bring_model.sh
. .platform/as_webapp
for programs in /var/app/venv/*/bin; do PATH="$programs:$PATH"; done
umask 022

if [ -f artifacts/manifest.json ]; then
  echo "The bundle brings a promoted run."
elif [ -n "${MODEL_URI:-}" ]; then
  run_id="$(basename "$MODEL_URI")"
  echo "Fetching run $run_id from $MODEL_URI"
  aws s3 cp --only-show-errors --recursive "${MODEL_URI%/}" "artifacts/runs/$run_id"
  python -m src.pipelines.train_pipeline --promote "$run_id"
else
  echo "The bundle brings no model: training on the sample table"
  python -m src.pipelines.train_pipeline --budget quick --quiet
fi
