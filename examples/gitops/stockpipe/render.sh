#!/bin/sh
# Writes rendered.yaml anew. Same values and same version of stockpipe, same bytes: the commit shows what will change.
set -eu
cd "$(dirname "$0")"
stockpipe deploy render --profile "${PROFILE:-eks}" --values values.yaml -o yaml >rendered.yaml.new
mv rendered.yaml.new rendered.yaml
