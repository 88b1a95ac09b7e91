#!/bin/bash
# What the entry point of the official image does: root becomes cassandra, and CASSANDRA_ variables go into the files.
set -eu
case "${1--}" in -*) set -- cassandra -f "$@" ;; esac
if [ "$1" = cassandra ] && [ "$(id -u)" = 0 ]; then
  find "$CASSANDRA_CONF" /var/lib/cassandra /var/log/cassandra ! -user cassandra -exec chown cassandra '{}' +
  exec gosu cassandra "$0" "$@"
fi
# A mounted file can be written, but not replaced.
edit() {
  changed=$(sed -E "$2" "$CASSANDRA_CONF/$1")
  printf '%s\n' "$changed" >"$CASSANDRA_CONF/$1"
}
if [ "$1" = cassandra ]; then
  own=$(hostname -i | cut -d' ' -f1)
  CASSANDRA_LISTEN_ADDRESS=${CASSANDRA_LISTEN_ADDRESS:-auto}
  [ "$CASSANDRA_LISTEN_ADDRESS" != auto ] || CASSANDRA_LISTEN_ADDRESS=$own
  CASSANDRA_BROADCAST_ADDRESS=${CASSANDRA_BROADCAST_ADDRESS:-$CASSANDRA_LISTEN_ADDRESS}
  [ "$CASSANDRA_BROADCAST_ADDRESS" != auto ] || CASSANDRA_BROADCAST_ADDRESS=$own
  CASSANDRA_RPC_ADDRESS=${CASSANDRA_RPC_ADDRESS:-0.0.0.0}
  CASSANDRA_BROADCAST_RPC_ADDRESS=${CASSANDRA_BROADCAST_RPC_ADDRESS:-$CASSANDRA_BROADCAST_ADDRESS}
  edit cassandra.yaml "s,(- seeds:).*,\1 \"${CASSANDRA_SEEDS:-$CASSANDRA_BROADCAST_ADDRESS}\","
  for key in broadcast_address broadcast_rpc_address cluster_name endpoint_snitch listen_address num_tokens rpc_address; do
    variable=CASSANDRA_${key^^}
    [ -z "${!variable-}" ] || edit cassandra.yaml "s,^(# )?($key:).*,\2 ${!variable},"
  done
  for key in dc rack; do
    variable=CASSANDRA_${key^^}
    [ -z "${!variable-}" ] || edit cassandra-rackdc.properties "s,^($key=).*,\1${!variable},"
  done
fi
exec "$@"
