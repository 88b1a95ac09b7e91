"""Reads a keyspace. In: port, keyspace, tables. Out: the columns of every table, and all rows of those named."""

import json
import sys
from datetime import datetime, timezone

from cassandra.cluster import Cluster
from cassandra.query import dict_factory

asked = json.load(sys.stdin)
cluster = Cluster(asked["contactPoints"], port=asked["port"], protocol_version=4)
session = cluster.connect()
session.row_factory = dict_factory


def plain(value):
    if isinstance(value, datetime):
        return round(value.replace(tzinfo=timezone.utc).timestamp() * 1000)
    return value


def rows(statement, parameters=None):
    found = session.execute(statement, parameters)
    return [{name: plain(value) for name, value in row.items()} for row in found]


json.dump(
    {
        "columns": rows(
            "SELECT table_name, column_name, type, kind, position, clustering_order"
            " FROM system_schema.columns WHERE keyspace_name = %s",
            [asked["keyspace"]],
        ),
        "rows": {table: rows(f"SELECT * FROM {asked['keyspace']}.{table}") for table in asked["tables"]},
    },
    sys.stdout,
)
cluster.shutdown()
