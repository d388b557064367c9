"""Writes 100 records with an idempotent producer and reads them back in a group.

Arguments: bootstrap server, topic, group, codec. Prints how many records came back as they went and what was committed.
"""

import sys

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

bootstrap, topic, group, codec = sys.argv[1:]
COUNT = 100

producer = KafkaProducer(
    bootstrap_servers=bootstrap, enable_idempotence=True, acks="all", compression_type=codec
)
sent = [
    (f"key {n}".encode(), f"value {n}".encode(), [("n", str(n).encode()), ("n", b"")])
    for n in range(COUNT)
]
futures = [producer.send(topic, key=k, value=v, headers=h) for k, v, h in sent]
offsets = [future.get(timeout=30).offset for future in futures]
producer.close()
assert offsets == list(range(COUNT)), offsets

consumer = KafkaConsumer(
    topic,
    bootstrap_servers=bootstrap,
    group_id=group,
    auto_offset_reset="earliest",
    enable_auto_commit=False,
    consumer_timeout_ms=30_000,
)
read = []
for record in consumer:
    read.append((record.key, record.value, list(record.headers)))
    if len(read) == COUNT:
        break
consumer.commit()
committed = consumer.committed(TopicPartition(topic, 0))
consumer.close()
assert read == sent, read
print(f"{len(read)} records, committed {committed}")
