"""`evolve` is total and pure; what `decide` derives is always valid and never impossible."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.adapters.rule_files import DEFAULT_RULES
from ledger.core.action import Action
from ledger.domain.dossier import EMPTY_DOSSIER, DossierState, Impossible, decide, evolve
from ledger.domain.dossier_state import PORTAL_STATUS
from ledger.domain.duties import DUTIES, check_duties
from ledger.domain.duty_words import REASON_WORDS
from ledger.domain.events import decode_event
from ledger.domain.phrases import sentence
from ledger.domain.registry import build_registry
from tests.properties.domain.event_data import actions, histories
from tests.unit.domain.actions import record

EMPTY_REGISTRY = build_registry([])


@settings(deadline=None)
@given(histories)
def test_any_registered_event_in_any_state_is_folded(history: list[Action]) -> None:
    """Even one that `decide` would refuse: what is recorded is folded, never skipped."""
    state = EMPTY_DOSSIER
    for version, action in enumerate(history, 1):
        decode_event(action.type, action.data)
        before = msgspec.json.encode(action)
        after = evolve(state, action, version)
        assert after == evolve(state, action, version)
        assert msgspec.json.encode(action) == before
        assert after.version == version
        assert after.portal_status == PORTAL_STATUS[after.status]
        assert set(after.open_obligations) <= set(after.obligations)
        assert bool(after.pauses) == bool(after.paused_since) == bool(after.paused_on)
        state = after
    stored = msgspec.json.encode(state)
    assert msgspec.json.decode(stored, type=DossierState) == state


@settings(deadline=None)
@given(histories)
def test_what_decide_lets_through_derives_valid_events_only(history: list[Action]) -> None:
    state = EMPTY_DOSSIER
    for action in history:
        decision = decide(state, action, DEFAULT_RULES)
        assert decision == decide(state, action, DEFAULT_RULES)
        if isinstance(decision, Impossible):
            assert decision.code
            assert decision.message
            continue
        ended = state.is_ended
        state = record(state, action)
        if ended and action.type == "dossier.payment_confirmed.v1":
            assert not decision.derived


@settings(deadline=None)
@given(actions())
def test_every_action_has_its_sentences(action: Action) -> None:
    assert sentence(action, "en") != ""
    assert sentence(action, "vi") != ""


@settings(deadline=None)
@given(histories, st.sampled_from(["2026-03-02T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"]))
def test_every_duty_has_an_answer_for_any_history(history: list[Action], at: str) -> None:
    """L1 to L24 are total and pure; each answer names entries of this dossier alone."""
    entries = list(enumerate(history, 1))
    found = check_duties(entries, EMPTY_REGISTRY, DEFAULT_RULES, at)
    assert [item.duty for item in found] == list(DUTIES)
    assert found == check_duties(entries, EMPTY_REGISTRY, DEFAULT_RULES, at)
    ids = {action.id for action in history}
    for item in found:
        assert set(item.entries) <= ids
        assert set(item.reasons) <= set(REASON_WORDS)
        assert bool(item.entries) == (item.reasons != ("nothing_to_check",))
