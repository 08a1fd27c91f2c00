"""The drill's cases of a topic on a real broker, the sentinel among those who must tell."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from consumers.cli.drill import show_outcomes
from consumers.drill.broker_attacks import BROKER_CASES
from consumers.drill.case import Status
from consumers.drill.program import play_all

pytestmark = pytest.mark.kafka

NOT_ON_BROKER = {"edit-record", "cut-partition"}


async def drill_topics(bootstrap: str) -> set[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        return {topic for topic in await admin.list_topics() if topic.startswith("drill-")}
    finally:
        await admin.close()


def test_every_case_of_a_topic(
    kafka_bootstrap: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = asyncio.run(drill_topics(kafka_bootstrap))
    names = [case.name for case in BROKER_CASES]
    outcomes = list(play_all(tmp_path, names, broker=kafka_bootstrap))
    show_outcomes(outcomes, "en")
    with capsys.disabled():
        print(f"\n{capsys.readouterr().out}")
    assert [outcome.case for outcome in outcomes] == names
    assert {outcome.case: outcome.status for outcome in outcomes} == {
        name: Status.SKIPPED if name in NOT_ON_BROKER else Status.DETECTED for name in names
    }
    told = {(o.case, d.detector) for o in outcomes for d in o.detections}
    for case in BROKER_CASES:
        if case.name not in NOT_ON_BROKER:
            assert {(case.name, detector) for detector in case.expected} <= told
    # Each topic is thrown away with its case.
    assert asyncio.run(drill_topics(kafka_bootstrap)) <= before
