"""The action: what an actor asserts, one domain event in its envelope, as canonical bytes.

The envelope is the same for every type of event; `data` is typed by `type` in `ledger.domain`.
The bytes are what the actor signed; they are stored and hashed as they came, never written again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote, unquote

import msgspec

from ledger.core.canonical import (
    CanonicalError,
    decode_canonical,
    decode_canonical_as,
    encode_canonical,
    is_plain,
    refuse_float,
)
from ledger.core.faults import field_fault
from ledger.core.times import are_instants, parse_instant

STREAM_KINDS: Final = frozenset(
    {
        "ledger",
        "dossier",
        "officer",
        "unit",
        "procedure",
        "authority",
        "calendar",
        "system",
        "inspection",
    }
)

FOREIGN_EVENT: Final = ("system", "ledger.stored_event.v1")
"""An event of somebody's own eventsourcing application travels in a stream of kind system:
entries of `ledger:` streams are never notifications."""

STREAM_PATTERN: Final = r"\A[a-z]+:(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+\Z"
TYPE_PATTERN: Final = r"\A[a-z]+\.[a-z][a-z0-9_]*\.v[1-9][0-9]*\Z"
ID_PATTERN: Final = r"\A[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z"

Named = Annotated[str, msgspec.Meta(min_length=1)]

_STREAM: Final = re.compile(STREAM_PATTERN)
_TYPE: Final = re.compile(TYPE_PATTERN)
_ID: Final = re.compile(ID_PATTERN)
_ID_LETTERS: Final = 36
_IDS: Final = re.compile(f"(?:{ID_PATTERN[2:-2]})*")
"""Ids one behind the other; of texts of `_ID_LETTERS` each is one."""
_SAFE = re.compile(r"[A-Za-z0-9._~/-]+")


class ActionError(ValueError):
    """The bytes are canonical JSON or not even that, but they are no action.

    `field` is the path from the action's root ("" where no field is to blame), `value` what stands
    there (None: nothing).
    """

    def __init__(self, message: str, field: str = "", value: object = None) -> None:
        super().__init__(message)
        self.field = field
        self.value = value


class OccurredAt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """When the source says it happened; `at` is UTC, six decimals, cut to `precision`."""

    at: str
    precision: Literal["instant", "second", "minute", "day"]


class Actor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """Who asserts it. `id` is the account name, in clear; a person's name is never here."""

    kind: Literal[
        "officer", "applicant", "proxy", "system", "external_agency", "auditor", "support"
    ]
    id: Named
    unit: str = ""
    post: str = ""
    capacity: Literal["", "own", "KT", "TL", "TUQ", "delegate"] = ""
    on_behalf_of: str = ""


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """The system that an action came from and its own id of the message."""

    system: Named
    message_id: str = ""


class Document(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False
):
    """A document named by its hash; the content stays outside the ledger."""

    doc_id: Named
    type: str = ""
    sha256: str = ""
    size: int = 0


class ProcedureRef(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False
):
    """A procedure as valid for the dossier: national code, agency, version."""

    code: Named
    agency: str = ""
    version: int = 0


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """One action. `data` holds builtins (dict, list, str, int, bool); unknown = key left out.

    The forms of ids, type and stream are `check_action`'s: a decoder that matches patterns takes
    four times as long. No cycle can go through one, so none is looked for (`gc=False`).
    """

    id: str
    type: str
    stream: str
    occurred_at: OccurredAt
    actor: Actor
    data: dict[str, Any]
    source: Source | msgspec.UnsetType = msgspec.UNSET
    corrects: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    legal_basis: tuple[Named, ...] = ()
    ledger: str = ""
    step: str = ""
    procedure: ProcedureRef | msgspec.UnsetType = msgspec.UNSET
    reason_code: str = ""
    documents: tuple[Document, ...] = ()


_decoder: Final = msgspec.json.Decoder(Action, float_hook=refuse_float)


_REMEMBERED_LETTERS_MAX: Final = 256
"""Longer texts are looked at anew: hostile names must not fill the memory."""


def matches(pattern: re.Pattern[str], text: str) -> bool:
    """Whether `text` has a form; remembered, because types and streams come again and again."""
    if len(text) > _REMEMBERED_LETTERS_MAX:
        return pattern.fullmatch(text) is not None
    return _matches(pattern, text)


@lru_cache(maxsize=65_536)
def _matches(pattern: re.Pattern[str], text: str) -> bool:
    return pattern.fullmatch(text) is not None


def _check_form(field: str, text: str, pattern: re.Pattern[str]) -> None:
    if pattern.fullmatch(text) is None:
        msg = f"{field}: {text!r} is not of the form {pattern.pattern}"
        raise ActionError(msg)


def check_action(action: Action) -> None:
    """What the types do not say: ids, type and stream of their forms, a real instant, a known kind
    of stream, its id in its one encoding, a type of that kind.
    """
    _check_ids(action)
    _check_kind(action)
    try:
        parse_instant(action.occurred_at.at)
    except ValueError as error:
        msg = f"occurred_at.at: {error}"
        raise ActionError(msg, "occurred_at.at", action.occurred_at.at) from error


def are_in_form(actions: Sequence[Action]) -> bool:
    """Whether `check_action` finds nothing wrong with any; of many at once it is quicker."""
    ids = [action.id for action in actions]
    if not (
        {*map(len, ids)} <= {_ID_LETTERS}
        and _IDS.fullmatch("".join(ids))
        and are_instants([action.occurred_at.at for action in actions])
    ):
        return False
    try:
        for action in actions:
            if action.corrects or action.causes:
                _check_ids(action)
            _check_kind(action)
    except ActionError:
        return False
    return True


def _check_ids(action: Action) -> None:
    _check_form("id", action.id, _ID)
    if action.corrects or action.causes:
        for field, ids in (("corrects", action.corrects), ("causes", action.causes)):
            for place, text in enumerate(ids):
                _check_form(f"{field}[{place}]", text, _ID)


def _check_kind(action: Action) -> None:
    """Type and stream of their forms, and of one kind; raises `ActionError`."""
    type_name, stream = action.type, action.stream
    short = len(type_name) + len(stream) <= _REMEMBERED_LETTERS_MAX
    of_type = (_kind_of_short_type if short else _kind_of_type)(type_name)
    kind = (_kind_of_short_stream if short else _kind_of_stream)(stream)
    if of_type != kind and (kind, type_name) != FOREIGN_EVENT:
        msg = f"type: {type_name} does not belong to a stream of kind {kind!r}"
        raise ActionError(msg, "type", type_name)


def _kind_of_type(type_name: str) -> str:
    """The kind of stream that a type of the right form belongs to; raises `ActionError`."""
    _check_form("type", type_name, _TYPE)
    return type_name.partition(".")[0]


def _kind_of_stream(stream: str) -> str:
    """The known kind of a stream of the right form; raises `ActionError`."""
    _check_form("stream", stream, _STREAM)
    kind = stream.partition(":")[0]
    if kind not in STREAM_KINDS:
        msg = f"stream: kind {kind!r} is not one of {', '.join(sorted(STREAM_KINDS))}"
        raise ActionError(msg, "stream", stream)
    if "%" in stream and stream_id(kind, plain_id(stream)) != stream:
        # `dossier:%41` beside `dossier:A` would be two streams of one dossier.
        msg = f"stream: {stream!r} does not escape what must be escaped, and that alone"
        raise ActionError(msg, "stream", stream)
    return kind


_kind_of_short_type = lru_cache(maxsize=4_096)(_kind_of_type)
_kind_of_short_stream = lru_cache(maxsize=65_536)(_kind_of_stream)


def encode_action(action: Action) -> bytes:
    """The canonical bytes of an action; raises `ActionError` or `CanonicalError`."""
    check_action(action)
    return encode_canonical(action)


def convert_action(value: object) -> Action:
    """The action in a value that `decode_canonical` gave; raises `ActionError` naming the field."""
    try:
        action = msgspec.convert(value, Action)
    except msgspec.ValidationError as error:
        fault = field_fault(str(error), value)
        raise ActionError(str(error), fault.path, fault.value) from error
    check_action(action)
    return action


def read_action(data: bytes) -> Action | None:
    """The action in canonical bytes, decoded once and not checked yet; None where the bytes are no
    action or not canonical: `decode_action` says which.
    """
    return decode_canonical_as(data, _decoder, _is_flat)


def _is_flat(action: Action) -> bool:
    """Whether `data` has plain values alone and no other field an integer, which may be long."""
    data = action.data
    return (
        not action.documents
        and action.procedure is msgspec.UNSET
        and "".join(data).isascii()
        and all(map(is_plain, data.values()))
    )


def reread_action(data: bytes) -> Action:
    """The action in canonical bytes of a verified entry, not checked; raises `ActionError`."""
    try:
        return _decoder.decode(data)
    except msgspec.ValidationError as error:
        raise ActionError(str(error)) from error


def decode_action(data: bytes) -> Action:
    """The action whose canonical bytes are `data`; raises `ActionError` with the field's name."""
    action = read_action(data)
    if action is not None:
        check_action(action)
        return action
    try:
        value = decode_canonical(data)
    except CanonicalError as error:
        raise ActionError(str(error)) from error
    return convert_action(value)


def stream_id(kind: str, plain_id: str) -> str:
    """The stream of `plain_id`: everything but `A-Z a-z 0-9 - . _ ~ /` becomes upper-case %XX.

    >>> stream_id("dossier", "Case 1")
    'dossier:Case%201'
    """
    if not plain_id:
        msg = "an id may not be empty"
        raise ActionError(msg)
    if kind not in STREAM_KINDS:
        msg = f"stream: kind {kind!r} is not one of {', '.join(sorted(STREAM_KINDS))}"
        raise ActionError(msg)
    return f"{kind}:{plain_id if _SAFE.fullmatch(plain_id) else quote(plain_id, safe='/')}"


def plain_id(stream: str) -> str:
    """The id of a stream as its source writes it: the inverse of `stream_id`.

    What is no UTF-8 stays encoded: anybody may name such a stream, and a finding has to show it.
    """
    encoded = stream.partition(":")[2]
    try:
        return unquote(encoded, errors="strict")
    except UnicodeDecodeError:
        return encoded
