#!/bin/sh
# Registers a bundle as a version, deploys it, and waits for what comes of it:
#   APP_NAME=stuprediction ENV_NAME=stuprediction-web deploy/to_beanstalk.sh build/bundle.zip LABEL
set -eu
bundle=$1 label=$2
key="$APP_NAME/$label.zip"

environment() { # one of its facts
  aws elasticbeanstalk describe-environments --application-name "$APP_NAME" \
    --environment-names "$ENV_NAME" --no-include-deleted --query "Environments[0].$1" --output text
}

until_ready() {
  while status=$(environment Status) && [ "$status" != Ready ]; do
    case "$status" in
      Updating | Launching) sleep "${POLL_S:-15}" ;;
      *) echo "$ENV_NAME is $status." >&2; exit 1 ;;
    esac
  done
}

until_ready # somebody else may be deploying
bucket=$(aws elasticbeanstalk create-storage-location --query S3Bucket --output text)
aws s3 cp --only-show-errors "$bundle" "s3://$bucket/$key"
aws elasticbeanstalk create-application-version --application-name "$APP_NAME" \
  --version-label "$label" --source-bundle "S3Bucket=$bucket,S3Key=$key" --output text >/dev/null
began=$(date -u +%Y-%m-%dT%H:%M:%SZ)
aws elasticbeanstalk update-environment --application-name "$APP_NAME" \
  --environment-name "$ENV_NAME" --version-label "$label" --output text >/dev/null
until_ready
aws elasticbeanstalk describe-events --application-name "$APP_NAME" --environment-name "$ENV_NAME" \
  --start-time "$began" --query "reverse(Events)[].[EventDate,Severity,Message]" --output text
serving=$(environment VersionLabel)
if [ "$serving" != "$label" ]; then
  echo "$label was not deployed: $ENV_NAME goes on serving $serving." >&2
  exit 1
fi
echo "$ENV_NAME serves $label."
