"""Random commands and faults against the whole writer, with aiokafka, on the simulator.

Virtual time (virtual_loop.py) is what makes five hundred examples affordable: a writer that waits
ten seconds for a silent broker costs a millisecond, so time-outs, back-off and take-overs are
exercised with the real limits, and the code under test is all of it, not the state machine alone.
"""

from __future__ import annotations

import gc
import logging
import os
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from ledger.adapters import index_sqlite
from ledger.adapters import simulator as broker
from ledger.adapters.simulator_cluster import (
    DESCRIBE_CONFIGS,
    FETCH,
    INIT_PRODUCER_ID,
    METADATA,
    PRODUCE,
)
from ledger.app.submission import Recorded, Submission
from tests.integration.kafka_logs import signed
from tests.simulation.cluster_machine import GENESIS, TOPIC, Cluster
from tests.simulation.virtual_loop import InlineExecutor

EXAMPLES = int(os.environ.get("PAL_EXAMPLES", "500"))
SETTLE_SECONDS = 200.0
"""Longer than any deadline of the writer, and more than one of them after the other."""

WRITERS = st.integers(0, 2)
READ_FAULTS = (broker.REQUEST_LOST, broker.ANSWER_LOST, broker.REQUEST_IGNORED)
FAULTS = st.one_of(
    st.tuples(st.just(PRODUCE), st.sampled_from(broker.FAULTS)),
    st.tuples(st.just(FETCH), st.sampled_from((*READ_FAULTS, broker.LEADER_MOVED_BEFORE))),
    st.tuples(
        st.sampled_from((METADATA, INIT_PRODUCER_ID, DESCRIBE_CONFIGS)),
        st.sampled_from(READ_FAULTS),
    ),
)


def teardown_module() -> None:
    """What is left of killed writers ends here: their finalizers may not run within other tests."""
    gc.collect()


class Writers(RuleBasedStateMachine):
    """Two or three writers of one log, all of them at once."""

    @initialize(seed=st.integers(0, 2**32), writers=st.integers(2, 3), indexed=st.booleans())
    def start(self, seed: int, writers: int, indexed: bool) -> None:
        logging.disable(logging.CRITICAL)
        # A local index is written in a thread, every two seconds of real time: here, each time.
        self.written_at_once = patch.multiple(
            index_sqlite, FLUSH_SECONDS=0.0, ThreadPoolExecutor=InlineExecutor
        )
        self.written_at_once.start()
        self.count = writers
        self.cluster = Cluster(seed, writers, indexed=indexed)
        self.number = 0

    def writer(self, drawn: int) -> int:
        return drawn % self.count

    @rule(
        writer=WRITERS, actions=st.integers(1, 3), expected=st.sampled_from([None, None, 1, 2, 5])
    )
    def a_submission(self, writer: int, actions: int, expected: int | None) -> None:
        first = self.number
        self.number += actions
        places = [(f"dossier:{(first + at) % 2}", first + at) for at in range(actions)]
        self.cluster.submit(
            self.writer(writer),
            Submission(
                tuple(
                    signed(stream, number, expected=expected if number == first else None)
                    for stream, number in places
                )
            ),
        )

    @rule(
        rounds=st.integers(1, 4),
        gap=st.sampled_from([0.0, 0.001, 0.004, 0.05]),
        faults=st.lists(st.tuples(st.integers(0, 5), st.sampled_from(broker.FAULTS)), max_size=3),
    )
    def everybody_at_once(
        self, rounds: int, gap: float, faults: list[tuple[int, broker.Fault]]
    ) -> None:
        for after, fault in faults:
            self.cluster.simulator.inject(fault, after=after)
        for _ in range(rounds):
            for writer in range(self.count):
                self.a_submission(writer, 1, None)
            self.cluster.wait(gap)

    @precondition(lambda self: self.cluster.submissions)
    @rule(writer=WRITERS, which=st.integers(0, 99))
    def the_same_again(self, writer: int, which: int) -> None:
        known = self.cluster.submissions
        self.cluster.submit(self.writer(writer), known[which % len(known)])

    @rule(fault=FAULTS, after=st.integers(0, 3))
    def a_fault(self, fault: tuple[int, broker.Fault], after: int) -> None:
        self.cluster.simulator.inject(fault[1], api_key=fault[0], after=after)

    @rule(seconds=st.sampled_from([0.0005, 0.002, 0.01, 0.1, 1.0, 9.0, 12.0, 35.0]))
    def time_passes(self, seconds: float) -> None:
        self.cluster.wait(seconds)

    @rule(writer=WRITERS, seconds=st.sampled_from([0.01, 1.0, 5.0, 12.0, 45.0]))
    def the_network_stalls(self, writer: int, seconds: float) -> None:
        self.cluster.stall(self.writer(writer), seconds)

    @rule()
    def what_was_held_lands(self) -> None:
        self.cluster.simulator.release()

    @rule(lag=st.sampled_from([0, 0, 1, 3]))
    def the_leader_moves(self, lag: int) -> None:
        self.cluster.simulator.move_leader(TOPIC, lag_batches=lag)

    @rule()
    def replication_stops(self) -> None:
        self.cluster.simulator.hold_replication(TOPIC)

    @rule()
    def replication_goes_on(self) -> None:
        self.cluster.simulator.resume_replication(TOPIC)

    @rule(writer=WRITERS)
    def a_writer_is_killed(self, writer: int) -> None:
        self.cluster.kill(self.writer(writer))

    @rule(writer=WRITERS)
    def a_writer_is_closed(self, writer: int) -> None:
        self.cluster.close(self.writer(writer))

    @rule(record=st.sampled_from([None, b"", b"written by somebody else", GENESIS]))
    def somebody_else_writes(self, record: bytes | None) -> None:
        self.cluster.write(record)

    @rule(writer=WRITERS)
    def somebody_reads(self, writer: int) -> None:
        self.cluster.look(self.writer(writer))

    @invariant()
    def answers_hold(self) -> None:
        if hasattr(self, "cluster"):
            self.cluster.check()

    def teardown(self) -> None:
        if hasattr(self, "cluster"):
            self.settle()
            self.cluster.end()
            self.written_at_once.stop()
        logging.disable(logging.NOTSET)

    def settle(self) -> None:
        """Everybody gets an answer; then, without faults, every writer records again."""
        cluster = self.cluster
        cluster.simulator.forget_faults()
        cluster.simulator.resume_replication(TOPIC)
        cluster.wait_for_answers(SETTLE_SECONDS)
        cluster.simulator.release()
        cluster.check()
        for writer in range(self.count):
            self.a_submission(writer, 1, None)
            cluster.wait_for_answers(SETTLE_SECONDS)
            assert isinstance(cluster.outcomes[-1], Recorded), cluster.outcomes[-1]
        cluster.check()
        assert cluster.errors == []


TestWriters = Writers.TestCase
TestWriters.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=20,
    deadline=None,
    derandomize="PAL_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
