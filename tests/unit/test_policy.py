"""Policy files: the specification's examples, what is malformed, and what a quorum means."""

from __future__ import annotations

from functools import cache
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.core.note import Algorithm, VerifierKey
from ledger.core.policy import (
    POLICY_BYTES_MAX,
    POLICY_GROUPS_MAX,
    POLICY_LOGS_MAX,
    POLICY_WITNESSES_MAX,
    Policy,
    PolicyError,
    PolicyGroup,
    PolicyLog,
    PolicyWitness,
    parse_policy,
)


@cache
def log_key(number: int, algorithm: Algorithm = Algorithm.ED25519) -> VerifierKey:
    length = 1_312 if algorithm is Algorithm.COSIGNATURE_ML_DSA_44 else 32
    return VerifierKey(f"log.example/{number}", algorithm, (1 << 88 | number).to_bytes(length))


@cache
def witness_key(number: int) -> VerifierKey:
    return VerifierKey(
        f"witness.example/{number}", Algorithm.COSIGNATURE_ED25519, (1 << 80 | number).to_bytes(32)
    )


LOG = log_key(0).text()
LATER = log_key(0, Algorithm.COSIGNATURE_ML_DSA_44).text()
W = [witness_key(number).text() for number in range(70)]

# The example of the specification with keys in it.
EXAMPLE = f"""\
log {LOG}

witness X1 {W[1]}
witness X2 {W[2]}
witness X3 {W[3]}
group X-witnesses 2 X1 X2 X3

witness Y1 {W[4]}
witness Y2 {W[5]}
witness Y3 {W[6]}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def test_the_example_of_the_specification_and_its_quorum() -> None:
    policy = parse_policy(EXAMPLE.encode())
    assert policy.logs == {"log.example/0": (log_key(0),)}
    assert [witness.name for witness in policy.witnesses] == ["X1", "X2", "X3", "Y1", "Y2", "Y3"]
    assert policy.cosigners == tuple(map(witness_key, range(1, 7)))
    assert policy.groups[0] == PolicyGroup("X-witnesses", 2, ("X1", "X2", "X3"))
    for signed in product((False, True), repeat=6):
        keys = {witness_key(at + 1) for at in range(6) if signed[at]}
        assert policy.is_quorum(keys) == (sum(signed[:3]) >= 2 and any(signed[3:]))
    namesake = replace(witness_key(1), name="witness.example/else")
    other_key = replace(witness_key(1), public=bytes([9]) * 32)
    for stranger in (namesake, other_key, log_key(0)):
        assert not policy.is_quorum({stranger, witness_key(2), witness_key(4)})


def test_blanks_comments_urls_and_octets_that_are_no_utf_8() -> None:
    name = b"K\xff\xe2\x84\xaa"
    url = b"https://w\xc3\xa9.example/x"
    data = (
        b"\t# a comment \xfe\n \t \n  log\t \t" + LOG.encode() + b"  https://log.example/#here\t\n"
        b"log " + LATER.encode() + b"\n"
        b"witness " + name + b" " + W[1].encode() + b" " + url + b"\n"
        b"witness K " + W[2].encode() + b"\n"
        b"quorum " + name + b"\n"
    )
    policy = parse_policy(data)
    assert policy.logs["log.example/0"] == (
        log_key(0),
        log_key(0, Algorithm.COSIGNATURE_ML_DSA_44),
    )
    assert policy.log_lines[0].url == "https://log.example/#here"
    assert policy.witnesses[0].url == url.decode()
    assert policy.quorum.encode("utf-8", "surrogateescape") == name
    assert policy.is_quorum({witness_key(1)})
    assert not policy.is_quorum({witness_key(2)})
    assert parse_policy(policy.encode()) == policy
    assert name in policy.encode()


def test_only_the_quorum_is_needed_and_none_asks_for_nobody() -> None:
    policy = parse_policy(b"quorum none\n")
    assert policy == Policy("none")
    assert policy.is_quorum(())
    assert policy.encode() == b"quorum none\n"
    one = parse_policy(f"witness all {W[1]}\nquorum all\n".encode())
    assert not one.is_quorum(())
    assert one.is_quorum([witness_key(1)])


TWO = f"witness a {W[1]}\nwitness b {W[2]}\n"


@pytest.mark.parametrize(
    ("line", "text", "said"),
    [
        (0, "", "no quorum line"),
        (0, f"log {LOG}\n", "no quorum line"),
        (1, "quorum none", "no newline at the end"),
        (2, "quorum none\nquorum none\n", "a second quorum line"),
        (3, TWO + "quorum c\n", "no witness or group of a line above"),
        (1, f"quorum a\n{TWO}", "no witness or group of a line above"),
        (1, "quorum\n", "is none of"),
        (1, "quorum none none\n", "is none of"),
        (1, "Quorum none\n", "is none of"),
        (1, "quorum none # no comment\n", "is none of"),
        (1, "\u00a0quorum none\n", "is none of"),
        (2, "quorum none\nlogs x\n", "is none of"),
        (1, "log\n", "is none of"),
        (1, f"log {LOG} url more\n", "is none of"),
        (1, f"witness {W[1]}\n", "is none of"),
        (1, f"witness a {W[1]} url more\n", "is none of"),
        (1, "log example.com/log\n", "is no verifier key"),
        (1, f"log {LOG[:-1]}\n", "is no base64"),
        (1, f"log {LOG.replace('log.example/0', 'log.example/1')}\n", "its bytes give"),
        (1, f"log {W[1]}\n", "is no key of a log"),
        (1, f"witness a {LOG}\n", "is no key of a witness"),
        (2, f"log {LOG}\nlog {LOG}\n", "a log of a line above has the same public key"),
        (2, f"witness a {W[1]}\nwitness b {W[1]}\n", "a witness of a line above has the same"),
        (2, f"log {LATER}\nwitness a {LATER}\n", "a log of a line above has the same"),
        (2, f"witness a {LATER}\nlog {LATER}\n", "a witness of a line above has the same"),
        (2, f"witness a {W[1]}\nwitness a {W[2]}\n", "the name 'a' is taken"),
        (1, f"witness none {W[1]}\n", "the name 'none' is taken"),
        (3, TWO + "group a any b\n", "the name 'a' is taken"),
        (3, TWO + "group none any b\n", "the name 'none' is taken"),
        (3, TWO + "group g any\n", "is none of"),
        (3, TWO + "group g any g\n", "'g' is no witness or group of a line above"),
        (3, TWO + "group g any none\n", "'none' is no witness or group of a line above"),
        (3, TWO + "group g any a a\n", "is a member already"),
        (4, TWO + "group g any a\ngroup h all b a\n", "is a member already"),
        (3, TWO + "group g any a c\ngroup c any b\n", "'c' is no witness or group"),
        (3, TWO + "group g 0 a b\n", "expected all, any or a number from 1 to 2"),
        (3, TWO + "group g 3 a b\n", "expected all, any or a number from 1 to 2"),
        (3, TWO + "group g 01 a b\n", "expected all, any or a number"),
        (3, TWO + "group g +1 a b\n", "expected all, any or a number"),
        (3, TWO + "group g 1.0 a b\n", "expected all, any or a number"),
        (3, TWO + "group g \u0661 a b\n", "expected all, any or a number"),
        (3, TWO + "group g ALL a b\n", "expected all, any or a number"),
        (2, "quorum none\n# \r\n", "control character 0x0d"),
        (2, "quorum none\n\x0c\n", "control character 0x0c"),
        (1, "quorum none\x00\n", "control character 0x00"),
        (1, "quorum none\x7f\n", "control character 0x7f"),
    ],
)
def test_what_is_no_policy_is_refused_with_its_line(line: int, text: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text.encode())
    assert caught.value.line == line
    assert said in str(caught.value)


def test_two_keys_are_the_same_where_names_and_ids_differ() -> None:
    other = replace(witness_key(1), name="witness.example/else").text()
    with pytest.raises(PolicyError, match=r"line 2: .*same public key"):
        parse_policy(f"witness a {W[1]}\nwitness b {other}\nquorum a\n".encode())
    reused = VerifierKey("w", Algorithm.COSIGNATURE_ED25519, log_key(0).public).text()
    with pytest.raises(PolicyError, match=r"line 2: .*a log of a line above"):
        parse_policy(f"log {LOG}\nwitness a {reused}\nquorum a\n".encode())


def test_kinds_of_keys_that_we_cannot_verify_are_refused_and_not_left_out() -> None:
    ecdsa = VerifierKey("l", Algorithm.ED25519, bytes([9]) * 32).text().replace("+AQ", "+Ag")
    with pytest.raises(PolicyError, match="line 1: key l: 2 is not a valid Algorithm"):
        parse_policy(f"log {ecdsa}\nquorum none\n".encode())
    with pytest.raises(PolicyError, match="line 1"):
        parse_policy(b"log \xff" + LOG.encode() + b"\nquorum none\n")


def test_limits_and_what_every_implementation_must_hold() -> None:
    logs = [f"log {log_key(number).text()}" for number in range(POLICY_LOGS_MAX + 1)]
    witnesses = [f"witness w{number} {W[number]}" for number in range(POLICY_WITNESSES_MAX + 1)]
    groups = [f"group g{at + 1} any g{at}" for at in range(1, POLICY_GROUPS_MAX + 1)]
    chain = ["group g1 any w0", *groups[: POLICY_GROUPS_MAX - 1]]
    full = [*logs[:-1], *witnesses[:-1], *chain, f"quorum g{POLICY_GROUPS_MAX}"]
    policy = parse_policy("".join(f"{line}\n" for line in full).encode())
    assert policy.is_quorum({witness_key(0)})
    assert not policy.is_quorum(set(map(witness_key, range(1, 65))))
    assert parse_policy(policy.encode()) == policy
    for at, line in (
        (len(logs) - 1, logs[-1]),
        (len(logs) + len(witnesses) - 2, witnesses[-1]),
        (len(full) - 1, groups[-1]),
    ):
        more = [*full[:at], line, *full[at:]]
        with pytest.raises(PolicyError, match="more than") as caught:
            parse_policy("".join(f"{each}\n" for each in more).encode())
        assert caught.value.line == at + 1
    with pytest.raises(PolicyError, match="more than"):
        parse_policy(b"#" * POLICY_BYTES_MAX + b"\n")


def test_parts_that_make_no_policy_are_not_written() -> None:
    one = PolicyWitness("a", witness_key(1))
    for wrong in (
        Policy("a"),
        Policy(""),
        Policy("none", (PolicyLog(witness_key(1)),)),
        Policy("none", (PolicyLog(log_key(0), "two words"),)),
        Policy("none", (), (replace(one, name="a b"),)),
        Policy("none", (), (replace(one, name="a\nquorum a"),)),
        Policy("none", (), (replace(one, name=""),)),
        Policy("none", (), (replace(one, name="\ud800"),)),
        Policy("a", (), (one,), (PolicyGroup("g", 2, ("a",)),)),
        Policy("a", (), (one,), (PolicyGroup("g", 1, ()),)),
    ):
        with pytest.raises(PolicyError):
            wrong.encode()


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\t\n \x7f"),
    min_size=1,
    max_size=6,
).filter(lambda name: name != "none" and all(character >= " " for character in name))


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    names = draw(st.lists(NAMES, min_size=1, max_size=12, unique=True))
    at = draw(st.integers(1, len(names)))
    urls = st.sampled_from(["", "https://w.example/a"])
    witnesses = tuple(
        PolicyWitness(name, witness_key(number), draw(urls))
        for number, name in enumerate(names[:at])
    )
    groups: list[PolicyGroup] = []
    free = list(names[:at])
    for name in names[at:]:
        if not free:
            break
        members = draw(st.lists(st.sampled_from(free), min_size=1, max_size=4, unique=True))
        free = [each for each in free if each not in members] + [name]
        groups.append(PolicyGroup(name, draw(st.integers(1, len(members))), tuple(members)))
    quorum = draw(st.sampled_from(["none", *names[:at], *(group.name for group in groups)]))
    logs = tuple(PolicyLog(log_key(n), draw(urls)) for n in range(draw(st.integers(0, 3))))
    return Policy(quorum, logs, witnesses, tuple(groups))


def witnessed(policy: Policy, name: str, cosigned: set[str]) -> bool:
    """The specification's sentence, read literally from the quorum down."""
    if name == "none" or name in cosigned:
        return True
    for group in policy.groups:
        if group.name == name:
            counted = [member for member in group.members if witnessed(policy, member, cosigned)]
            return len(counted) >= group.threshold
    return False


@given(policies(), st.data())
def test_what_was_written_is_read_again_and_a_quorum_is_what_the_words_say(
    policy: Policy, data: st.DataObject
) -> None:
    assert parse_policy(policy.encode()) == policy
    chosen = data.draw(st.sets(st.sampled_from(policy.witnesses)))
    cosigned = {witness.name for witness in chosen}
    keys = {witness.key for witness in chosen}
    assert policy.is_quorum(keys) == witnessed(policy, policy.quorum, cosigned)
    assert policy.is_quorum({*keys, witness_key(60), log_key(0)}) == policy.is_quorum(keys)


def test_quorums_of_every_small_shape_against_every_set_of_cosigners() -> None:
    names = "abcd"
    witnesses = tuple(PolicyWitness(name, witness_key(at)) for at, name in enumerate(names))
    for first, second, third in product((1, 2), (1, 2), (1, 2)):
        groups = (
            PolicyGroup("g", first, ("a", "b")),
            PolicyGroup("h", second, ("g", "c")),
            PolicyGroup("i", third, ("h", "d")),
        )
        for quorum in ("a", "g", "h", "i"):
            policy = Policy(quorum, (), witnesses, groups)
            for signed in product((False, True), repeat=4):
                cosigned = {name for name, did in zip(names, signed, strict=True) if did}
                keys = {each.key for each in witnesses if each.name in cosigned}
                assert policy.is_quorum(keys) == witnessed(policy, quorum, cosigned)


@given(st.binary(max_size=60), st.integers(0, len(EXAMPLE)), st.integers(0, 9))
def test_whatever_the_bytes_the_answer_is_a_policy_or_a_policy_error(
    data: bytes, at: int, cut: int
) -> None:
    for whole in (data, EXAMPLE[:at].encode() + data + EXAMPLE[at + cut :].encode()):
        try:
            policy = parse_policy(whole)
        except PolicyError:
            continue
        assert parse_policy(policy.encode()) == policy
