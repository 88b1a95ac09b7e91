"""A Parquet file, read by pyarrow and by DuckDB. In: path. Out: types and rows as each of them sees them, rows per group, codecs."""

import json
import sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

path = json.load(sys.stdin)["path"]
file = pq.ParquetFile(path)
table = file.read()
groups = [file.metadata.row_group(index) for index in range(file.metadata.num_row_groups)]


def in_ms(column):
    return column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column


connection = duckdb.connect(config={"autoinstall_known_extensions": False})
described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [path]).fetchall()
times = [name for name, kind, *_ in described if kind.startswith("TIMESTAMP")]
replaced = f"REPLACE ({', '.join(f'epoch_ms({name}) AS {name}' for name in times)})"
found = connection.execute(f"SELECT * {replaced} FROM read_parquet(?)", [path]).fetchall()
names = [name for name, *_ in described]

json.dump(
    {
        "pyarrow": {
            "types": {f.name: f"{f.type}{'' if f.nullable else ' not null'}" for f in table.schema},
            "rows": pa.table([in_ms(column) for column in table.columns], names=table.column_names).to_pylist(),
        },
        "duckdb": {
            "types": {name: kind for name, kind, *_ in described},
            "rows": [dict(zip(names, row)) for row in found],
        },
        "groups": [group.num_rows for group in groups],
        "codecs": sorted({group.column(index).compression for group in groups for index in range(group.num_columns)}),
    },
    sys.stdout,
)
