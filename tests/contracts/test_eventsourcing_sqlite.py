"""The library's published conformance suites, unchanged, over the SQLite log."""

from __future__ import annotations

import os
import tempfile
import unittest
from pathlib import Path
from typing import Any

from eventsourcing.persistence import InfrastructureFactory, ProcessRecorder
from eventsourcing.sqlite import (
    SQLiteAggregateRecorder,
    SQLiteProcessRecorder,
    SQLiteTrackingRecorder,
)
from eventsourcing.tests.application import ExampleApplicationTestCase
from eventsourcing.tests.persistence import (
    AggregateRecorderTestCase,
    ApplicationRecorderTestCase,
    InfrastructureFactoryTestCase,
    NonInterleavingNotificationIDsBaseCase,
    ProcessRecorderTestCase,
    TrackingRecorderTestCase,
)
from eventsourcing.utils import Environment, get_topic

from ledger.adapters.sqlite import Factory
from ledger.app.recorder import EntryRecorder


class OverSqliteLog(unittest.TestCase):
    """A fresh folder and a factory found by its module name, as an application finds it."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.settings = {
            "PERSISTENCE_MODULE": "ledger.adapters.sqlite",
            "SQLITE_LOG_PATH": str(Path(folder.name) / "log.sqlite"),
        }
        self.env = Environment("Suite", dict(self.settings))
        super().setUp()

    def construct(self) -> Factory:
        factory: Any = InfrastructureFactory.construct(self.env)
        self.addCleanup(factory.close)
        return factory


class TestApplicationRecorder(OverSqliteLog, ApplicationRecorderTestCase[EntryRecorder]):
    def create_recorder(self) -> EntryRecorder:
        recorder = self.construct().application_recorder()
        assert isinstance(recorder, EntryRecorder)
        return recorder


class TestNonInterleaving(OverSqliteLog, NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> EntryRecorder:
        recorder = self.construct().application_recorder()
        assert isinstance(recorder, EntryRecorder)
        return recorder


class TestAggregateRecorder(OverSqliteLog, AggregateRecorderTestCase):
    def create_recorder(self) -> Any:
        return self.construct().aggregate_recorder()


class TestTrackingRecorder(OverSqliteLog, TrackingRecorderTestCase):
    def create_recorder(self) -> SQLiteTrackingRecorder:
        return self.construct().tracking_recorder()


class TestProcessRecorder(OverSqliteLog, ProcessRecorderTestCase):
    def create_recorder(self) -> ProcessRecorder:
        return self.construct().process_recorder()


class CustomTrackingRecorder(SQLiteTrackingRecorder):
    pass


class TestFactory(OverSqliteLog, InfrastructureFactoryTestCase[Factory]):
    def expected_factory_class(self) -> type[Factory]:
        return Factory

    def expected_aggregate_recorder_class(self) -> type[SQLiteAggregateRecorder]:
        return SQLiteAggregateRecorder

    def expected_application_recorder_class(self) -> type[EntryRecorder]:
        return EntryRecorder

    def expected_tracking_recorder_class(self) -> type[SQLiteTrackingRecorder]:
        return SQLiteTrackingRecorder

    def tracking_recorder_subclass(self) -> type[SQLiteTrackingRecorder]:
        return CustomTrackingRecorder

    def expected_process_recorder_class(self) -> type[SQLiteProcessRecorder]:
        return SQLiteProcessRecorder


class TestExampleApplication(OverSqliteLog, ExampleApplicationTestCase):
    expected_factory_topic = get_topic(Factory)

    def setUp(self) -> None:
        super().setUp()
        os.environ.update(self.settings)

    def tearDown(self) -> None:
        for name in self.settings:
            del os.environ[name]
        super().tearDown()


del (
    OverSqliteLog,
    AggregateRecorderTestCase,
    ApplicationRecorderTestCase,
    ExampleApplicationTestCase,
    InfrastructureFactoryTestCase,
    NonInterleavingNotificationIDsBaseCase,
    ProcessRecorderTestCase,
    TrackingRecorderTestCase,
)
