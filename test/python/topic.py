"""A topic, read and written by Confluent's client. No consumer group is left behind."""

import json
import sys
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

SECONDS = 20


def read(brokers, topic, count):
    """The first `count` records of all partitions."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": f"{topic}-python", "enable.auto.commit": False})
    try:
        partitions = consumer.list_topics(topic, SECONDS).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
        records = []
        deadline = time.monotonic() + SECONDS
        while len(records) < count:
            if time.monotonic() > deadline:
                sys.exit(f"only {len(records)} of {count} records came in {SECONDS} s")
            record = consumer.poll(0.2)
            if record is None:
                continue
            if record.error():
                sys.exit(str(record.error()))
            records.append(record)
        return records
    finally:
        consumer.close()


def write(brokers, topic, records):
    """`records`: pairs of key and value."""
    failures = []
    producer = Producer({"bootstrap.servers": brokers})
    for key, value in records:
        producer.produce(topic, key=key, value=value, on_delivery=lambda error, _: error and failures.append(error))
    left = producer.flush(SECONDS)
    if left or failures:
        sys.exit(f"{left} records were not sent, {failures}")


def place(record):
    key = record.key()
    return {"key": None if key is None else key.decode(), "partition": record.partition(), "offset": record.offset()}


def answer(value):
    json.dump(value, sys.stdout, ensure_ascii=False, allow_nan=False)
