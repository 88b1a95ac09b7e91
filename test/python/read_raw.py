"""Bare Avro, read by fastavro with a schema from outside. In: brokers, topic, count, schema. Out: records."""

import io
import json
import sys

import fastavro
import topic

asked = json.load(sys.stdin)
schema = fastavro.parse_schema(json.loads(asked["schema"]))


def decode(value):
    body = io.BytesIO(value)
    message = fastavro.schemaless_reader(body, schema)
    if body.read() != b"":
        sys.exit("bytes are left behind the message")
    return message


topic.answer(
    [
        {**topic.place(record), "message": decode(record.value())}
        for record in topic.read(asked["brokers"], asked["topic"], asked["count"])
    ]
)
