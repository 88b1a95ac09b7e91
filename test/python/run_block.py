"""Runs a block of the manual: Python as it is, SQL by DuckDB. Prints how many rows SQL gave, or what the last line of Python was worth."""

import ast
import json
import os
import sys

asked = json.load(sys.stdin)
os.chdir(asked["folder"])


def rows_of_python(text):
    """An expression at the end is what a reader looks at."""
    body = ast.parse(text).body
    scope = {}
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "block", "exec"), scope)
    if last is None:
        return None
    return len(eval(compile(ast.Expression(last.value), "block", "eval"), scope))


def rows_of_sql(text):
    import duckdb

    return len(duckdb.sql(text).fetchall())


print(json.dumps((rows_of_python if asked["language"] == "python" else rows_of_sql)(asked["text"])))
