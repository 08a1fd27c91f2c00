"""Policy files (C2SP tlog-policy): the logs and witnesses that a checker trusts, and how many of
the witnesses are enough.

A file is octets: names, URLs and comments need not be UTF-8 and are compared as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

import msgspec

from ledger.core.note import Algorithm, NoteError, VerifierKey, parse_verifier_key

POLICY_BYTES_MAX: Final = 2_000_000
"""Every log with a line of ML-DSA-44, 1.8 kB each, and as much again for comments."""

POLICY_LOGS_MAX: Final = 1_024
"""Two keys for each log of the largest ledger and for its log of checkpoints, and room."""

POLICY_WITNESSES_MAX: Final = 64
"""The specification asks for 32; a witness with two keys takes two lines."""

POLICY_GROUPS_MAX: Final = 128
"""The specification asks for 32; here each witness with two keys needs one for itself."""

QUORUM_NONE: Final = "none"
"""The predefined name: no cosignature is asked for."""

_ALL: Final = "all"
_ANY: Final = "any"
_BLANK: Final = re.compile("[ \t]+")
_THRESHOLD: Final = re.compile("[1-9][0-9]{0,2}")
_FORBIDDEN: Final = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")
_LOG_ALGORITHMS: Final = (Algorithm.ED25519, Algorithm.COSIGNATURE_ML_DSA_44)
_WITNESS_ALGORITHMS: Final = (Algorithm.COSIGNATURE_ED25519, Algorithm.COSIGNATURE_ML_DSA_44)


class PolicyError(ValueError):
    """A file that is no policy; `line` counts from 1 and is 0 where the whole file is meant."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"policy, line {line}: {message}" if line else f"policy: {message}")
        self.line = line


class PolicyLog(msgspec.Struct, frozen=True):
    """One key of a log; the key's name is the log's origin. `url` is "" where none stands there."""

    key: VerifierKey
    url: str = ""


class PolicyWitness(msgspec.Struct, frozen=True):
    """`name` is used in this file only. `url` is the submission prefix of C2SP tlog-witness."""

    name: str
    key: VerifierKey
    url: str = ""


class PolicyGroup(msgspec.Struct, frozen=True):
    """It witnessed a checkpoint where `threshold` of its members did, witnesses or groups."""

    name: str
    threshold: int
    members: tuple[str, ...]


class Policy(msgspec.Struct, frozen=True):
    """The lines of a policy in their order; `quorum` names a witness, a group or `QUORUM_NONE`."""

    quorum: str
    log_lines: tuple[PolicyLog, ...] = ()
    witnesses: tuple[PolicyWitness, ...] = ()
    groups: tuple[PolicyGroup, ...] = ()

    @property
    def logs(self) -> dict[str, tuple[VerifierKey, ...]]:
        """The keys of each log by its origin, in the order of the file."""
        found: dict[str, tuple[VerifierKey, ...]] = {}
        for log in self.log_lines:
            found[log.key.name] = (*found.get(log.key.name, ()), log.key)
        return found

    @property
    def cosigners(self) -> tuple[VerifierKey, ...]:
        """The keys of all witnesses."""
        return tuple(witness.key for witness in self.witnesses)

    def is_quorum(self, cosigned: Collection[VerifierKey]) -> bool:
        """Whether keys whose cosignatures were verified are enough; unknown ones count nothing."""
        if self.quorum == QUORUM_NONE:
            return True
        witnessed = {witness.name for witness in self.witnesses if witness.key in cosigned}
        for group in self.groups:  # a group names earlier ones only
            if sum(member in witnessed for member in group.members) >= group.threshold:
                witnessed.add(group.name)
        return self.quorum in witnessed

    def encode(self) -> bytes:
        """The file's bytes; raises `PolicyError` where these parts make no policy."""
        try:
            data = self._joined()
        except UnicodeEncodeError as error:
            raise PolicyError(0, str(error)) from error
        if parse_policy(data) != self:
            raise PolicyError(0, f"not the parts of one policy with the quorum {self.quorum!r}")
        return data

    def _joined(self) -> bytes:
        lines = [
            *(("log", log.key.text(), log.url) for log in self.log_lines),
            *(("witness", each.name, each.key.text(), each.url) for each in self.witnesses),
            *(("group", each.name, _threshold_text(each), *each.members) for each in self.groups),
            ("quorum", self.quorum),
        ]
        text = "".join(" ".join(line).rstrip(" ") + "\n" for line in lines)
        return text.encode("utf-8", "surrogateescape")


def _threshold_text(group: PolicyGroup) -> str:
    if group.threshold == len(group.members):
        return _ALL
    return _ANY if group.threshold == 1 else str(group.threshold)


def parse_policy(data: bytes) -> Policy:
    """The policy in a file's bytes; raises `PolicyError`. Comments are not kept.

    Stricter than the specification in one point: a log's key may not be a witness's key too, since
    no log is its own witness. Keys of other kinds than ours are refused, not ignored: a quorum
    would otherwise mean something else to us than to whoever wrote it.
    """
    if len(data) > POLICY_BYTES_MAX:
        raise PolicyError(0, f"{len(data)} bytes: more than {POLICY_BYTES_MAX}")
    if found := _FORBIDDEN.search(data):
        line = data.count(b"\n", 0, found.start()) + 1
        raise PolicyError(line, f"control character 0x{data[found.start()]:02x}")
    if data and not data.endswith(b"\n"):
        raise PolicyError(data.count(b"\n") + 1, "no newline at the end: the file was cut off")
    reader = _Reader()
    for number, text in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), start=1):
        reader.read_line(number, text)
    return reader.policy()


class _Reader:
    """The lines read so far."""

    def __init__(self) -> None:
        self._quorum = ""
        self._logs: list[PolicyLog] = []
        self._witnesses: list[PolicyWitness] = []
        self._groups: list[PolicyGroup] = []
        self._names = {QUORUM_NONE}
        self._members: set[str] = set()
        self._log_keys: set[bytes] = set()
        self._witness_keys: set[bytes] = set()

    def read_line(self, number: int, line: str) -> None:
        items = [item for item in _BLANK.split(line) if item]
        if not items or items[0].startswith("#"):
            return
        try:
            match items:
                case ["log", key]:
                    self._add_log(key, "")
                case ["log", key, url]:
                    self._add_log(key, url)
                case ["witness", name, key]:
                    self._add_witness(name, key, "")
                case ["witness", name, key, url]:
                    self._add_witness(name, key, url)
                case ["group", name, threshold, _, *_]:
                    self._add_group(name, threshold, tuple(items[3:]))
                case ["quorum", name]:
                    self._set_quorum(name)
                case _:
                    msg = (
                        f"{line.strip()[:60]!r} is none of `log <vkey> [<url>]`, "
                        "`witness <name> <vkey> [<url>]`, "
                        "`group <name> all|any|<k> <name>...`, `quorum <name>`"
                    )
                    raise ValueError(msg)  # noqa: TRY301 - one place adds the number
        except ValueError as error:
            raise PolicyError(number, str(error)) from error

    def policy(self) -> Policy:
        if not self._quorum:
            raise PolicyError(0, "no quorum line: exactly one, `quorum none` where none is asked")
        return Policy(self._quorum, tuple(self._logs), tuple(self._witnesses), tuple(self._groups))

    def _add_log(self, text: str, url: str) -> None:
        key = _key_of(text, _LOG_ALGORITHMS, "log")
        _check_new(key, self._log_keys, "log")
        _check_new(key, self._witness_keys, "witness")
        _check_room(self._logs, POLICY_LOGS_MAX, "logs")
        self._log_keys.add(key.public)
        self._logs.append(PolicyLog(key, url))

    def _add_witness(self, name: str, text: str, url: str) -> None:
        key = _key_of(text, _WITNESS_ALGORITHMS, "witness")
        _check_new(key, self._witness_keys, "witness")
        _check_new(key, self._log_keys, "log")
        _check_room(self._witnesses, POLICY_WITNESSES_MAX, "witnesses")
        self._define(name)
        self._witness_keys.add(key.public)
        self._witnesses.append(PolicyWitness(name, key, url))

    def _add_group(self, name: str, threshold: str, members: tuple[str, ...]) -> None:
        _check_room(self._groups, POLICY_GROUPS_MAX, "groups")
        for member in members:
            if member == QUORUM_NONE or member not in self._names:
                msg = f"group {name!r}: {member!r} is no witness or group of a line above"
                raise ValueError(msg)
            if member in self._members:
                msg = f"group {name!r}: {member!r} is a member already, and may be one only once"
                raise ValueError(msg)
            self._members.add(member)
        self._define(name)
        self._groups.append(PolicyGroup(name, _threshold_of(threshold, len(members)), members))

    def _set_quorum(self, name: str) -> None:
        if self._quorum:
            msg = f"a second quorum line: {self._quorum!r} is the quorum already"
            raise ValueError(msg)
        if name not in self._names:
            msg = f"quorum {name!r} is no witness or group of a line above"
            raise ValueError(msg)
        self._quorum = name

    def _define(self, name: str) -> None:
        if name in self._names:
            msg = f"the name {name!r} is taken"
            raise ValueError(msg)
        self._names.add(name)


def _key_of(text: str, algorithms: tuple[Algorithm, ...], role: str) -> VerifierKey:
    key = parse_verifier_key(text)
    if key.algorithm not in algorithms:
        wanted = " or ".join(algorithm.name for algorithm in algorithms)
        msg = f"key {key.name}: {key.algorithm.name} is no key of a {role}, which has {wanted}"
        raise NoteError(msg)
    return key


def _check_new(key: VerifierKey, known: Collection[bytes], role: str) -> None:
    if key.public in known:
        msg = f"key {key.name}: a {role} of a line above has the same public key"
        raise ValueError(msg)


def _check_room(lines: Collection[object], most: int, what: str) -> None:
    if len(lines) >= most:
        msg = f"more than {most} lines of {what}"
        raise ValueError(msg)


def _threshold_of(text: str, members: int) -> int:
    if text in {_ALL, _ANY}:
        return members if text == _ALL else 1
    if _THRESHOLD.fullmatch(text) is None or int(text) > members:
        msg = f"{text!r} of {members} members: expected all, any or a number from 1 to {members}"
        raise ValueError(msg)
    return int(text)
