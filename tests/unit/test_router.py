"""Several logs behind the doors of one: each action in the log of its stream, and only there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from consumers.bootstrap import OpenLedger, Settings
from consumers.creation import create_ledger
from consumers.demo.office import demo_actions
from ledger.adapters.index_sqlite import open_index
from ledger.adapters.sqlite_verify import verify_file
from ledger.app.aggregate import ActionEvent
from ledger.app.group import seal_group
from ledger.app.recorder import RefusedEventsError
from ledger.app.submission import Place, Refused, RefusedError, SignedAction, Submission
from ledger.core.action import Action, encode_action
from ledger.core.chain import Head, StreamHead
from ledger.core.findings import Verdict
from ledger.core.ids import log_number
from ledger.entry.entry import decode_entry
from ledger.entry.log_state import LogState

LOGS = 3
ACTIONS = demo_actions()[:60]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[OpenLedger]:
    with create_ledger(Settings(tmp_path), "audit", logs=LOGS) as made:
        yield made


def one_of_log(number: int) -> Action:
    return next(a for a in ACTIONS if log_number(a.stream, LOGS) == number)


def submission(opened: OpenLedger, *actions: Action) -> Submission:
    key = opened.keys.load_signing_key("source")
    bodies = [encode_action(action) for action in actions]
    return Submission(
        tuple(
            SignedAction(a.id, a.stream, a.type, body, sigs)
            for a, body, sigs in zip(actions, bodies, key.sign(bodies), strict=True)
        )
    )


def test_each_action_goes_to_the_log_of_its_stream(opened: OpenLedger) -> None:
    router = opened.application()
    for action in ACTIONS:
        assert router.record(action)[0].version >= 1
    streams = {action.stream for action in ACTIONS}
    for number, log in enumerate(opened.logs):
        entries = [decode_entry(r.data).seal for r in log.read(1, 1_000)]
        assert {s.stream for s in entries} == {s for s in streams if log_number(s, LOGS) == number}
        assert entries
    assert all(router.dossier(stream) is not None for stream in streams)
    router.close()


async def test_the_same_through_the_other_door_and_as_bytes(opened: OpenLedger) -> None:
    router = opened.application()
    for action in ACTIONS[:20]:
        answer = await router.append(encode_action(action))
        assert answer.new >= 1
        assert (await router.append(action)).new == 0
    router.close()


async def test_what_names_no_log_is_refused_as_by_one_log(opened: OpenLedger) -> None:
    router = opened.application()
    for data in (b"{}", b"no json", b'{"stream":7}', b'{"stream":"ledger:audit/9"}'):
        with pytest.raises(RefusedError) as caught:
            await router.append(data)
        assert caught.value.code == "action.malformed"
    foreign = msgspec.structs.replace(ACTIONS[0], stream="ledger:audit/9", type="ledger.x.v1")
    with pytest.raises(RefusedError):
        router.record(foreign)


def test_applications_are_named_by_their_log(opened: OpenLedger) -> None:
    names = [application.name for application in opened.application().applications]
    assert names == ["ledger/0", "ledger/1", "ledger/2"]


def test_a_submission_over_two_logs_is_refused_whole(opened: OpenLedger) -> None:
    both = submission(opened, one_of_log(0), one_of_log(1))
    (answer,) = opened.logs[0].submit([both])
    assert isinstance(answer, Refused)
    assert (answer.code, answer.action_id) == ("stream.other_log", one_of_log(1).id)
    assert opened.logs[0].head().size == 1


def test_a_save_over_two_logs_is_refused_whole(opened: OpenLedger) -> None:
    first = opened.application().applications[0]
    events = [
        ActionEvent(action.stream, 1, action, encode_action(action))
        for action in (one_of_log(0), one_of_log(2))
    ]
    with pytest.raises(RefusedEventsError, match=r"stream\.other_log"):
        first.save(*events)
    with pytest.raises(RefusedError) as caught:
        first.record(one_of_log(2))
    assert caught.value.code == "stream.other_log"
    assert first.recorder.max_notification_id() is None


def test_a_local_index_that_is_opened_again_still_knows_its_log(
    opened: OpenLedger, tmp_path: Path
) -> None:
    (genesis,) = opened.readers[1].read(0, 1)
    for _ in range(2):
        index = open_index(tmp_path / "index-audit-1.sqlite", "audit/1")
        index.take_in([genesis], 1)
        held = [index.holds(one_of_log(number).stream) for number in range(LOGS)]
        assert held == [False, True, False]
        index.close()


def test_what_stands_in_the_wrong_log_is_void_and_verification_fails(opened: OpenLedger) -> None:
    log = opened.logs[0]
    genesis = log.read(0, 1)[0].data

    class Careless:
        """A writer that takes every stream, as software without this rule would."""

        head = log.head()

        def stream_head(self, stream: str) -> StreamHead:
            return StreamHead(0, "0" * 64)

        def place_of(self, action_id: str) -> Place | None:
            return None

        def holds(self, stream: str) -> bool:
            return True

    at = "2030-01-01T00:00:00.000000Z"
    group = seal_group("audit/0", Careless(), [submission(opened, one_of_log(1))], at)
    state = LogState("audit/0")
    for data in (genesis, group.entries[0].data):
        judged = state.judge(state.admit(data))
    assert judged.void
    assert [(f.code, f.expected, f.actual) for f in judged.findings] == [
        ("stream.other_log", "log 1", "log 0")
    ]
    assert state.stream_head(one_of_log(1).stream).version == 0
    assert state.head == Head(2, group.entries[0].place.leaf)
    path = opened.settings.log_path
    opened.close()
    from ledger.adapters.sqlite_table import connect, insert_entries

    connection = connect(path)
    insert_entries(connection, group.entries, group.head)
    connection.close()
    found = verify_file(path, origin="audit/0")
    assert found.verdict == Verdict.FAILED
    assert found.first_bad_index == 1
    assert "stream.other_log" in {finding.code for finding in found.findings}
