"""eventsourcing's conformance suites on the simulator; no Java, no Kafka."""

from __future__ import annotations

import pytest

from ledger.adapters.simulator import Simulator
from tests.contracts import kafka_suites

pytestmark = [
    pytest.mark.usefixtures("broker"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="class")
def broker(request):
    with Simulator() as simulator:
        request.cls.bootstrap = simulator.bootstrap
        yield


class TestApplicationRecorderOnSimulator(kafka_suites.Recorder):
    pass


class TestNonInterleavingOnSimulator(kafka_suites.NonInterleaving):
    pass


class TestExampleApplicationOnSimulator(kafka_suites.ExampleApplication):
    pass
