"""What comes late, told apart from what is lost: requests, ends of the log, answers to readers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from ledger.adapters import simulator as broker
from ledger.app.submission import OutcomeUnknownError, Recorded
from ledger.core.findings import FindingError
from tests.integration.kafka_logs import one
from tests.simulation.cluster_machine import TOPIC, Cluster


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    running = Cluster(seed=1, writers=1)
    running.submit(0, one("dossier:a", 1))
    running.wait(5)
    assert isinstance(running.outcomes[0], Recorded)
    yield running
    running.end()


def test_a_request_that_lands_long_after_it_was_given_up_is_a_stray(cluster: Cluster) -> None:
    cluster.simulator.inject(broker.LANDS_LATE)
    cluster.submit(0, one("dossier:a", 2))
    cluster.wait(15)
    assert isinstance(cluster.outcomes[1], Recorded)
    assert cluster.simulator.release() == 1
    before = cluster.check()
    assert before.counting == (True,) * 5 + (False,)
    cluster.submit(0, one("dossier:a", 3))
    cluster.wait(15)
    assert isinstance(cluster.outcomes[2], Recorded)
    assert cluster.check().size == before.size + 2
    assert cluster.errors == []


def test_an_end_that_lags_is_waited_for_by_readers_and_writers(cluster: Cluster) -> None:
    cluster.simulator.move_leader(TOPIC, lag_batches=2)
    cluster.look(0)
    cluster.wait(15)
    cluster.submit(0, one("dossier:a", 2))
    cluster.wait(15)
    assert cluster.outcomes[1] is None
    cluster.simulator.resume_replication(TOPIC)
    cluster.wait(5)
    assert isinstance(cluster.outcomes[1], Recorded)
    assert cluster.errors == []
    cluster.check()


@pytest.mark.parametrize("lost", [1, 2])
def test_a_log_that_shrank_is_overwritten(cluster: Cluster, lost: int) -> None:
    partition = cluster.simulator.partition(TOPIC)
    del partition.batches[-lost:]
    partition.replicate()
    cluster.look(0)
    cluster.wait(60)
    cluster.submit(0, one("dossier:a", 2))
    cluster.wait(60)
    (error,) = cluster.errors
    assert isinstance(error, FindingError)
    # The writer's session was open: whether its batch counts cannot be said on such a log.
    assert isinstance(cluster.outcomes[1], OutcomeUnknownError)
    for told in (error, cluster.outcomes[1]):
        assert "log.overwritten" in str(told)
    cluster.errors.clear()


def test_an_answer_to_a_reader_from_before_the_session_grew_says_nothing(cluster: Cluster) -> None:
    """The end that it tells is older than what the session has appended and closed since."""
    log = cluster.writers[0]
    assert log is not None
    fetch = log._partition.fetch

    async def told_late(offset: int, **options: int) -> object:
        chunk = await fetch(offset, **options)
        if not cluster.submissions[1:]:
            cluster.submit(0, one("dossier:a", 2))
            await asyncio.sleep(1)
            assert cluster.outcomes[1] is not None
            log._writer._apply(log._writer.machine.close())
        return chunk

    log._partition.fetch = told_late  # type: ignore[method-assign]
    cluster.look(0)
    cluster.wait(5)
    assert isinstance(cluster.outcomes[1], Recorded)
    assert cluster.errors == []
