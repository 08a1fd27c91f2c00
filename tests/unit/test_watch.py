"""The insider watch without a broker: what is new, what is said, and under which id it is noted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ledger.app.limits import GAPS_PER_CHECK_MAX, STRAYS_PER_ENTRY_MAX
from ledger.app.watch import LogFacts, Noted, Sighting, StraySeen, new_sightings, offset_gaps
from ledger.app.watch_alarms import finding_of, standing_findings
from ledger.core.action import encode_action
from ledger.core.findings import Verdict
from ledger.domain.events import decode_event
from ledger.entry.entry import ENTRY_BYTES_MAX

ORIGIN = "office/0"
NOW = datetime(2026, 3, 2, tzinfo=UTC)
QUIET = LogFacts(
    origin=ORIGIN,
    topic="office",
    topic_id="first",
    low_water=0,
    replicas=3,
    in_sync=3,
    deviating={},
    wanted={"retention.ms": "-1"},
)


def note(noted: Noted, sighting: Sighting) -> None:
    """What the log's own stream says once the sighting is recorded."""
    action = msgspec.to_builtins(sighting.action(ORIGIN, NOW))
    decode_event(action["type"], action["data"])
    noted.apply(action)


def opened(noted: Noted, session: str, previous: str = "") -> None:
    data = {"session": session, "software": "pal"}
    if previous:
        data["previous_session"] = previous
    noted.apply({"id": session, "type": "ledger.writer_opened.v1", "data": data})


def seen(facts: LogFacts, noted: Noted) -> list[tuple[str, dict[str, Any]]]:
    """What is new; recorded at once, so that nothing of it is new any more."""
    found = list(new_sightings(facts, noted))
    for sighting in found:
        note(noted, sighting)
    assert list(new_sightings(facts, noted)) == []
    return [(sighting.type.split(".")[1], sighting.data) for sighting in found]


def with_(**changed: Any) -> LogFacts:
    return msgspec.structs.replace(QUIET, **changed)


def test_each_state_is_noted_when_it_changes_and_when_it_changes_back() -> None:
    noted = Noted()
    assert seen(QUIET, noted) == [("topic_seen", {"topic": "office", "topic_id": "first"})]
    changes = [
        with_(in_sync=2),
        QUIET,
        with_(in_sync=2),
        with_(deviating={"retention.ms": "1"}),
        QUIET,
        with_(deviating={"retention.ms": "1"}),
        with_(topic_id="second"),
        QUIET,
        with_(low_water=5),
        with_(low_water=9),
    ]
    names = [[name for name, _ in seen(facts, noted)] for facts in changes]
    assert names == [
        ["replicas_changed"],
        ["replicas_changed"],
        ["replicas_changed"],
        ["topic_setting_changed", "replicas_changed"],
        ["topic_setting_changed"],
        ["topic_setting_changed"],
        ["topic_recreated", "topic_setting_changed"],
        ["topic_recreated"],
        ["low_water_moved"],
        ["low_water_moved"],
    ]


def test_the_same_sighting_has_the_same_id_and_its_repetition_another() -> None:
    noted = Noted()
    seen(QUIET, noted)
    wrong = with_(deviating={"retention.ms": "1"})
    (first,) = new_sightings(wrong, noted)
    (again,) = new_sightings(wrong, noted)
    assert first.action_id(ORIGIN) == again.action_id(ORIGIN)
    assert first.action_id(ORIGIN) != first.action_id("office/1")
    seen(wrong, noted)
    seen(QUIET, noted)
    (later,) = new_sightings(wrong, noted)
    assert later.data == first.data
    assert later.action_id(ORIGIN) != first.action_id(ORIGIN)


def test_strays_are_noted_once_in_entries_that_fit() -> None:
    noted = Noted()
    seen(QUIET, noted)
    strays = [
        StraySeen(offset, "ab" * 32, "not an entry: " + "\n" * 5_000, is_late=False)
        for offset in range(STRAYS_PER_ENTRY_MAX + 1)
    ]
    found = list(new_sightings(with_(strays=strays), noted))
    assert [len(item.data["records"]) for item in found] == [STRAYS_PER_ENTRY_MAX, 1]
    assert all(len(encode_action(i.action(ORIGIN, NOW))) < ENTRY_BYTES_MAX for i in found)
    note(noted, found[0])
    assert list(new_sightings(with_(strays=strays), noted)) == [found[1]]


def test_a_session_that_comes_back_behind_another_one_was_displaced() -> None:
    noted = Noted()
    seen(QUIET, noted)
    opened(noted, "a1")
    opened(noted, "a2", "a1")  # the same process, again
    opened(noted, "b1")  # another one: a hand-over, or not; nobody knows yet
    assert seen(QUIET, noted) == []
    opened(noted, "a3", "a2")
    displaced = ("writer_displaced", {"session": "a2", "by_session": "b1"})
    assert seen(QUIET, noted) == [displaced]


def test_an_entry_that_is_not_what_its_type_says_notes_nothing() -> None:
    noted = Noted()
    seen(QUIET, noted)
    for name in ("topic_recreated", "strays_found", "offset_gap_found", "writer_opened"):
        noted.apply({"id": "x", "type": f"ledger.{name}.v1", "data": {"topic_id": 7}})
    assert seen(QUIET, noted) == []


def test_what_is_said_has_its_verdict_and_what_is_mended_says_nothing() -> None:
    late = StraySeen(4, "ab" * 32, "index 3 where 4 was expected", is_late=True)
    foreign = StraySeen(5, "", "a record without a value", is_late=False)
    cases = [
        (with_(topic_id="second"), "kafka.topic_recreated", Verdict.FAILED),
        (with_(low_water=1), "kafka.low_water_moved", Verdict.FAILED),
        (with_(deviating={"retention.ms": "1"}), "kafka.setting_changed", Verdict.FAILED),
        (with_(in_sync=2), "kafka.replicas_out_of_sync", Verdict.INDETERMINATE),
        (with_(gaps=[(3, 4)]), "log.offset_gap", Verdict.INDETERMINATE),
        (with_(strays=[late]), "log.stray", Verdict.PASSED),
        (with_(strays=[late, foreign]), "log.foreign_record", Verdict.FAILED),
    ]
    for facts, code, verdict in cases:
        noted = Noted()
        seen(QUIET, noted)
        (sighting,) = new_sightings(facts, noted)
        finding = finding_of(sighting, facts)
        assert finding is not None
        assert (finding.code, finding.verdict, finding.origin) == (code, verdict, ORIGIN)
        assert finding.next_step
        note(noted, sighting)
        mended = [finding_of(item, QUIET) for item in new_sightings(QUIET, noted)]
        assert {item.code for item in mended if item is not None} <= {"kafka.topic_recreated"}
        standing = {item.code for item in standing_findings(facts)}
        lasting = code.startswith("kafka.") and code != "kafka.topic_recreated"
        assert standing == ({code} if lasting else set())


@given(st.lists(st.sampled_from("es-"), max_size=60), st.integers(0, 60), st.data())
def test_gaps_are_the_offsets_that_hold_nothing(
    kinds: list[str], after: int, data: st.DataObject
) -> None:
    after = min(after, len(kinds))
    entries = [offset for offset, kind in enumerate(kinds) if kind == "e"]
    strays = data.draw(st.permutations([o for o, kind in enumerate(kinds) if kind == "s"]))
    gaps = offset_gaps(len(entries), len(kinds), entries.__getitem__, strays, after)
    missing = [offset for first, last in gaps for offset in range(first, last + 1)]
    assert missing == [o for o, kind in enumerate(kinds) if kind == "-" and o >= after]
    runs = "".join(kinds[after:]).replace("e", " ").replace("s", " ").split()
    assert len(gaps) == len(runs)


def test_many_gaps_are_noted_in_several_looks() -> None:
    noted = Noted()
    seen(QUIET, noted)
    entries = range(0, 6 * GAPS_PER_CHECK_MAX, 2)
    found = []
    for _ in range(3):
        gaps = offset_gaps(
            len(entries), 6 * GAPS_PER_CHECK_MAX, entries.__getitem__, [], noted.gaps_until
        )
        found += seen(with_(gaps=gaps), noted)
    offsets = [data["first_offset"] for _, data in found]
    assert offsets == list(range(1, 6 * GAPS_PER_CHECK_MAX, 2))
