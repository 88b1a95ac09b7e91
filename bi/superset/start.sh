#!/usr/bin/env bash
# What Superset's container runs: fetches the driver once, makes tables, administrator and dashboard, and serves.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
home=$SUPERSET_HOME

password=${SUPERSET_ADMIN_PASSWORD:-}
if [ "${#password}" -lt 8 ]; then
  echo 'error: the administrator of Superset gets no password' >&2
  echo '  why: SUPERSET_ADMIN_PASSWORD has less than 8 characters' >&2
  echo '  try: set another one in .env' >&2
  exit 1
fi

# Made under another name first: a file that was cut short is no key.
if [ -z "${SUPERSET_SECRET_KEY:-}" ] && [ ! -s "$home/secret-key" ]; then
  (umask 077 && python -c 'import secrets; print(secrets.token_urlsafe(42), end="")' >"$home/secret-key.new")
  mv "$home/secret-key.new" "$home/secret-key"
fi

if ! cmp -s "$here/requirements.txt" "$home/driver/requirements.txt"; then
  rm -rf "$home/driver"
  from=()
  if [ -d "$here/wheels" ]; then from=(--no-index --find-links "$here/wheels"); fi
  if ! uv pip install --no-cache --no-deps --python "$(command -v python)" "${from[@]}" \
    --target "$home/driver" --requirement "$here/requirements.txt"; then
    echo 'error: the driver of Trino cannot be installed' >&2
    echo '  why: see above; it is fetched from PyPI at the first start' >&2
    echo '  try: without internet access put its wheels into bi/superset/wheels (docs/bi.md)' >&2
    exit 1
  fi
  cp "$here/requirements.txt" "$home/driver/requirements.txt"
fi

superset db upgrade
superset init
python "$here/prepare.py"

# Not by its own script: that one listens to more variables, and lies elsewhere from release to release.
exec gunicorn --bind "0.0.0.0:${SUPERSET_PORT:-8088}" --workers 1 --worker-class gthread --threads 16 \
  --timeout 150 --keep-alive 5 'superset.app:create_app()'
