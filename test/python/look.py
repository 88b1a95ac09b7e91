"""What a tool asks a registry before it shows it. In: registry. Out: the answers."""

import json
import sys

import topic
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

client = SchemaRegistryClient(json.load(sys.stdin)["registry"])
(subject,) = client.get_subjects()
latest = client.get_latest_version(subject)

topic.answer(
    {
        "subject": subject,
        "versions": client.get_versions(subject),
        "latest": latest.version,
        "id": latest.schema_id,
        "same": client.get_schema(latest.schema_id).schema_str == latest.schema.schema_str,
        "type": client.get_schema(latest.schema_id).schema_type,
        "looked_up": client.lookup_schema(subject, Schema(latest.schema.schema_str, "AVRO")).schema_id,
        "places": [[place.subject, place.version] for place in client.get_schema_versions(latest.schema_id)],
        "types": client.get_schema_types(),
        "compatibility": client.get_compatibility(subject),
        "mode": client.get_global_mode(),
    }
)
