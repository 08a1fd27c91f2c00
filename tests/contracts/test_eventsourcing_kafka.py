"""eventsourcing's conformance suites on a real broker."""

from __future__ import annotations

import pytest

from tests.contracts import kafka_suites
from tests.integration.conftest import kafka_bootstrap

__all__ = ["kafka_bootstrap"]

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.usefixtures("broker"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="class")
def broker(request, kafka_bootstrap):
    request.cls.bootstrap = kafka_bootstrap


class TestApplicationRecorder(kafka_suites.Recorder):
    pass


class TestNonInterleaving(kafka_suites.NonInterleaving):
    pass


class TestExampleApplication(kafka_suites.ExampleApplication):
    pass
