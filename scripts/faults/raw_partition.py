"""All records of a partition as librdkafka reads them: another client than the ledger's own."""

from __future__ import annotations

import time
from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

SILENCE_SECONDS = 60.0


def read_partition(
    bootstrap: str, topic: str, partition: int = 0
) -> Iterator[tuple[int, bytes | None]]:
    """(offset, value) of every record from offset 0 to the end, uncommitted ones included.

    Raises `KafkaException` where the broker does not let it be read, `TimeoutError` where nothing
    comes for a minute.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "pal-fault-judge",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "isolation.level": "read_uncommitted",
            "check.crcs": True,
        }
    )
    try:
        consumer.assign([TopicPartition(topic, partition, 0)])
        heard = time.monotonic()
        while True:
            message = consumer.poll(1.0)
            if message is None:
                if time.monotonic() - heard > SILENCE_SECONDS:
                    msg = f"{topic}: nothing for {SILENCE_SECONDS:.0f} s"
                    raise TimeoutError(msg)
                continue
            heard = time.monotonic()
            error = message.error()
            if error is None:
                yield message.offset() or 0, message.value()
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the library's name for it
                return
            elif not error.retriable():
                raise KafkaException(error)
    finally:
        consumer.close()
