"""Bare Avro without key or headers, a whole frame a record, by fastavro. In: brokers, topic, schema, messages."""

import io
import json
import sys

import fastavro
import topic

asked = json.load(sys.stdin)
schema = fastavro.parse_schema(json.loads(asked["schema"]))


def encode(message):
    body = io.BytesIO()
    fastavro.schemaless_writer(body, schema, message)
    return body.getvalue()


topic.write(asked["brokers"], asked["topic"], [(None, encode(message)) for message in asked["messages"]])
topic.answer(None)
