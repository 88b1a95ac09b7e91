"""Framed Avro, whose schema is asked of a registry. In: brokers, topic, count, registry. Out: records."""

import json
import sys

import topic
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

asked = json.load(sys.stdin)
deserialize = AvroDeserializer(SchemaRegistryClient(asked["registry"]))
context = SerializationContext(asked["topic"], MessageField.VALUE)

topic.answer(
    [
        {**topic.place(record), "message": deserialize(record.value(), context)}
        for record in topic.read(asked["brokers"], asked["topic"], asked["count"])
    ]
)
