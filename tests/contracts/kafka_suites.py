"""eventsourcing's published conformance suites, unchanged, over a log in Kafka's wire format.

The modules beside this one run them on a real broker and on the simulator; `bootstrap` is theirs.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import ClassVar

from eventsourcing.application import Application
from eventsourcing.persistence import ApplicationRecorder, InfrastructureFactory
from eventsourcing.projection import ApplicationSubscription
from eventsourcing.tests.application import ExampleApplicationTestCase
from eventsourcing.tests.persistence import (
    ApplicationRecorderTestCase,
    NonInterleavingNotificationIDsBaseCase,
)
from eventsourcing.utils import Environment

from ledger.adapters.kafka import Factory


class _OnKafka:
    bootstrap: ClassVar[str] = ""

    def environment(self) -> dict[str, str]:
        home = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, home, ignore_errors=True)
        return {
            "PERSISTENCE_MODULE": "ledger.adapters.kafka",
            "KAFKA_BOOTSTRAP": self.bootstrap,
            "KAFKA_TOPIC": f"suite-{secrets.token_hex(6)}",
            "LEDGER_HOME": home,
        }

    def create_recorder(self) -> ApplicationRecorder:
        factory = InfrastructureFactory.construct(Environment("Suite", self.environment()))
        assert isinstance(factory, Factory)
        self.addCleanup(factory.close)
        return factory.application_recorder()


class Recorder(_OnKafka, ApplicationRecorderTestCase):
    pass


class NonInterleaving(_OnKafka, NonInterleavingNotificationIDsBaseCase):
    insert_num = 1000


class ExampleApplication(_OnKafka, ExampleApplicationTestCase):
    expected_factory_topic = "ledger.adapters.kafka:Factory"

    def setUp(self) -> None:
        super().setUp()
        environment = self.environment()
        os.environ.update(environment)
        self.addCleanup(lambda: [os.environ.pop(name) for name in environment])

    def test_a_projection_runner_opens_no_second_writer(self) -> None:
        """The library's subscription builds on the application: reading alone writes nothing."""
        environment = self.environment()
        writing = Application(environment)
        reading = Application(environment)
        with ApplicationSubscription(reading):
            assert reading.recorder.max_notification_id() is None
            assert reading.recorder.log.head().size == 1
        reading.close()
        writing.close()
        assert Path(environment["LEDGER_HOME"]).exists()
