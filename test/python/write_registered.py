"""Framed Avro by a client that registers its schema first. In: brokers, topic, registry, schema, messages."""

import json
import sys

import topic
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

asked = json.load(sys.stdin)
serialize = AvroSerializer(SchemaRegistryClient(asked["registry"]), asked["schema"])
context = SerializationContext(asked["topic"], MessageField.VALUE)

try:
    values = [serialize(message, context) for message in asked["messages"]]
except SchemaRegistryError as error:
    topic.answer({"status": error.http_status_code, "code": error.error_code, "message": error.error_message})
else:
    topic.write(asked["brokers"], asked["topic"], [(None, value) for value in values])
    topic.answer(None)
