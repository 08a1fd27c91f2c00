#!/usr/bin/env python3
"""Verifies an evidence bundle of the Procedure Audit Ledger: one file, Python 3.9 or newer alone.

    python3 verify.py BUNDLE.zip --fingerprint HEX        (or --policy policy.txt)

Exit codes: 0 passed, 1 failed, 2 indeterminate; wrong use ends with 2 and a line on stderr.
Written from docs/formats/evidence.md and the texts that it names (C2SP, RFC 6962, RFC 8032); it
shares no code with the ledger. A copy lies in each bundle as verify.py: take it from somewhere else
than the bundle that you doubt, and the fingerprint of the policy from paper.
"""

import argparse
import json
import re
import struct
import sys
from binascii import a2b_base64, b2a_base64, crc32
from contextlib import suppress
from datetime import datetime
from functools import lru_cache, reduce
from hashlib import sha256, sha512
from itertools import accumulate
from urllib.parse import quote

Ed25519PublicKey = MLDSA44PublicKey = None
with suppress(ImportError):  # what is missing is done by hand, or not checked
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

N, HEX, HASH = "(0|[1-9][0-9]{0,15})", "[0-9a-f]{64}", "[A-Za-z0-9+/]{43}="
NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
PLACED = re.compile(
    rf"(?!entries/|registry/|proofs/).*|(entries|registry)/{N}/{N}|proofs/(policy\.txt|{N}/"
    rf"({N}\.tlog-proof|officer\.(json|leaves))|(checkpoints|{N})/checkpoint(\.tsr)?"
    r"|checkpoints/round(\.tlog-proof)?)"
)
# Canonical JSON has one form, so that the line of a seal can be held against a pattern
VISIBLE = r'([!#-\[\]-~]|\\["\\])+'
SIG = rf'{{"at":{N},"key":"{VISIBLE}","path":\[("{HASH}",?)*\],"sig":"[^"]*","size":[1-9][0-9]*}}'
SEAL = re.compile(
    rf'{{"index":{N},"origin":"{VISIBLE}/{N}","prev":"{HEX}","recorded_at":"[0-9TZ:.-]{{27}}",'
    rf'"sigs":\[({SIG},?)+\],"stream":"[a-z]+:([A-Za-z0-9._~/-]|%[0-9A-F]{{2}})+","stream_prev":'
    rf'"{HEX}","type":"[a-z]+\.[a-z][a-z0-9_]*\.v[1-9][0-9]*","v":1,"version":[1-9][0-9]*}}'
)
UNLISTED, FOLDERS = {"manifest.json", "manifest.note", "custody.jsonl"}, ("entries", "registry")
GENESIS, NOBODY = "ledger.genesis.v1", (b"", "")


class Refused(ValueError):
    """What does not hold: what, expected, actual."""


class NewerFormat(Refused):
    """An entry that this program is too old to read."""


def ok(condition, what, expected="", actual=""):
    if not condition:
        raise Refused(what, str(expected), str(actual))


def same(what, expected, actual):
    ok(expected == actual, what, expected, actual)


# Ed25519 (RFC 8032 section 5.1) for where there is no library
P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0])
    c, d = 2 * p[3] * q[3] * D, 2 * p[2] * q[2]
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


@lru_cache(maxsize=64)
def doubled(data, sign):
    """A point, or minus it, times 2^i for each i: one key signs many entries."""
    odd, y = divmod(int.from_bytes(data, "little"), 2**255)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    ok(y < P and x * x % P == square and (x or not odd), "a point of the curve")
    x = sign * (x if x & 1 == odd else P - x)
    return [*accumulate(range(255), lambda p, _: add(p, p), initial=(x, y, 1, x * y % P))]


def ed25519_by_hand(public, signature, message):
    s = int.from_bytes(signature[32:], "little")
    k = int.from_bytes(sha512(signature[:32] + public + message).digest(), "little") % ORDER
    bits, points = s | k << 256, doubled(b"\x58" + b"\x66" * 31, 1) + doubled(public, -1)
    chosen = (point for at, point in enumerate(points) if bits >> at & 1)  # s * base - k * key
    x, y, z, _ = reduce(add, chosen, (0, 1, 1, 0))
    x, y = x * pow(z, P - 2, P) % P, y * pow(z, P - 2, P) % P
    return s < ORDER and (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


def genuine(kind, public, signature, message):
    """Whether a key signed; None where this kind (6, ML-DSA-44) cannot be checked here."""
    library = MLDSA44PublicKey if kind == 6 else Ed25519PublicKey
    try:
        ok(len(signature) == (2420 if kind == 6 else 64), "a signature")
        if library is None:
            return None if kind == 6 else ed25519_by_hand(public, signature, message)
        return library.from_public_bytes(public).verify(signature, message) is None
    except Exception:  # noqa: BLE001 - whatever the library says, it did not verify
        return False


# Canonical JSON, base64, Merkle trees (RFC 6962)
def check_value(value, depth=0):
    kind = type(value)
    plain = kind in (dict, list, str, bool) or (kind is int and abs(value) < 2**53)
    ok(plain and depth <= 32 and (kind is not dict or "".join(value).isascii()), "canonical JSON")
    for item in value.values() if kind is dict else value if kind is list else ():
        check_value(item, depth + 1)


def read_json(data):
    value = json.loads(data.decode(), parse_float=check_value, parse_constant=check_value)
    check_value(value)
    again = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    ok(again.encode() == data, "canonical JSON")
    return value


def unbase64(text, length=None):
    data = a2b_base64(text)
    ok(b2a_base64(data).decode() == f"{text}\n" and length in (None, len(data)), "base64 in form")
    return data


def leaf_hash(data):
    return sha256(b"\0" + data).digest()


def root_by_path(at, size, leaf, path):
    inner = (at ^ (size - 1)).bit_length()
    ok(0 <= at < size and len(path) == inner + bin(at >> inner).count("1"), "an inclusion proof")
    for level, sibling in enumerate(path):
        left = level < inner and not at >> level & 1
        leaf = sha256(b"\1" + (leaf + sibling if left else sibling + leaf)).digest()
    return leaf


def root_of(leaves):
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + root_of(leaves[:half]) + root_of(leaves[half:])).digest()


# Signed notes, checkpoints, policies (C2SP)
class Key:
    """A public key: kind 1 Ed25519, 4 and 6 cosignatures with Ed25519 and ML-DSA-44."""

    def __init__(self, name, data):
        self.name, self.kind, self.public = name, data[0], data[1:]
        known = len(self.public) == {1: 32, 4: 32, 6: 1312}.get(self.kind)
        ok(known and re.fullmatch(r"[^\s+]+", name), "a named key of a known kind")
        self.id = sha256(name.encode() + b"\n" + data).digest()[:4]

    def verifies(self, text, blob):
        stamp = b"" if self.kind == 1 else blob[:8]
        seconds, message = int.from_bytes(stamp, "big"), text.encode()
        if self.kind == 4:
            message = f"cosignature/v1\ntime {seconds}\n{text}".encode()
        if self.kind == 6:
            origin, size, root, _ = text.split("\n")  # and no extension lines
            own, log = (bytes([len(name.encode())]) + name.encode() for name in (self.name, origin))
            whole = log + struct.pack(">QQ", 0, int(size)) + unbase64(root, 32)
            message = b"subtree/v1\n\0" + own + stamp + whole
        return seconds < 2**63 and genuine(self.kind, self.public, blob[len(stamp) :], message)


def read_key(text):
    name, key_id, material = text.split("+", 2)
    key = Key(name, unbase64(material))
    same("the id of its key", key.id.hex(), key_id)
    return key


def read_note(data):
    text, blank, block = data.decode().rpartition("\n\n")
    clean = len(data) <= 1_000_000 and not re.search(b"[\0-\x09\x0b-\x1f]", data)
    # a name, and seven characters or more of base64: four bytes of a key's id, a signature
    form = re.fullmatch("(\u2014 [^\\s+]+ [^\\s=]{7}\\S*\n){1,100}", block)
    ok(clean and blank and form, "a note")
    raws = [(name, unbase64(raw)) for _, name, raw in map(str.split, block[:-1].split("\n"))]
    return text + "\n", [(name, raw[:4], raw[4:]) for name, raw in raws]


def read_policy(data):
    """A policy's logs, witnesses and groups by name, and quorum; nobody counts twice in it."""
    logs, witnesses, groups, quorums, once = [], {}, {"none": (0, [])}, [], {"none"}
    ok(len(data) <= 2_000_000 and not re.search(rb"[^\t\n -~\x80-\xff]", data), "a policy's bytes")
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        word, *items = re.split("[ \t]+", line.strip(" \t"))
        new = items[:1] and items[0] not in witnesses and items[0] not in groups
        fits = len(items) <= {"log": 2, "witness": 3, "quorum": 1}.get(word, len(items))
        if fits and (word == "log" or (word == "witness" and new)):
            key, kinds = read_key(items[word == "witness"]), (1, 6) if word == "log" else (4, 6)
            known = [other.public for other in (*logs, *witnesses.values())]
            ok(key.kind in kinds and key.public not in known, "a key for this, once", "", key.name)
            logs += [key] * (word == "log")
            witnesses.update({items[0]: key} if word == "witness" else {})
        elif word == "group" and new:
            how, *names = items[1:]
            least = {"all": len(names), "any": 1, **{f"{n}": n for n in range(194)}}[how]
            known = all((n in witnesses or n in groups) and n not in once for n in names)
            ok(known and 0 < least <= len({*names}) == len(names), "a group of names above")
            once, groups[items[0]] = once | {*names}, (least, names)
        else:
            quorum = fits and word == "quorum" and not new
            ok(quorum or word == "" or word[0] == "#", "a line of a policy", "", line)
            quorums += items if quorum else []
        small = len(logs) <= 1024 and len(witnesses) <= 64 and len(groups) <= 129
        ok(small, "at most 1024 keys of logs, 64 witnesses and 128 groups")
    ok(data.endswith(b"\n") and len(quorums) == 1, "a whole policy with one quorum", 1, quorums)
    return logs, witnesses, groups, quorums[0]


# The archive and the entries
def read_archive(data):
    """The files by name, out of an archive whose headers are all the ones that they must have."""
    ok(len(data) <= 2**30, "an archive of at most a gibibyte")
    files, central, at, form = {}, [], 0, True
    while data[at : at + 4] == b"PK\3\4":
        size, length = struct.unpack_from("<L4xH", data, at + 18)
        begin, end = at + 30 + length, at + 30 + length + size
        name, content = data[at + 30 : begin].decode("ascii"), data[begin:end]
        ok(end <= len(data) and name not in files, "a whole file, once", "", name[:80])
        header = struct.pack("<5H3L2H", 10, 0, 0, 0, 33, crc32(content), size, size, length, 0)
        form = form and data[at + 4 : at + 30] == header and NAME.fullmatch(name) and length <= 200
        central += [b"PK\1\2\x14\0", header, struct.pack("<3H2L", 0, 0, 0, 0, at), name.encode()]
        files[name], at = content, end
    form, central = form and [*files] == sorted(files) and len(files) < 65536, b"".join(central)
    end = (0, 0, len(files) & 65535, len(files) & 65535, len(central), at, 0)
    form = form and data[at:] == central + b"PK\5\6" + struct.pack("<4H2LH", *end)
    ok(form, "an archive in its one form")
    return files


def read_entry(data):
    line, cut, action_bytes = data.partition(b"\n")
    ok(cut and len(data) < 65536, "an entry of two lines, of at most 65,535 bytes")
    seal, signed = read_json(line), []
    if type(seal) is dict and type(seal.get("v")) is int and seal["v"] > 1:
        raise NewerFormat("of format version 1: take a newer verify.py")
    ok(SEAL.fullmatch(line.decode()), "a full seal")
    datetime.strptime(seal["recorded_at"], "%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: DTZ007 - the form only
    action = read_json(action_bytes)
    ok([action[key] for key in ("stream", "type")] == [seal["stream"], seal["type"]], "of its seal")
    for sig in seal["sigs"]:
        path = [unbase64(text, 32) for text in sig["path"]]
        root = root_by_path(sig["at"], sig["size"], leaf_hash(action_bytes), path)
        message = b"pal/actions/v1\n%d\n%s" % (sig["size"], b2a_base64(root))
        signed.append((sig["key"], unbase64(sig["sig"], 64), message))
    return {**seal, "action": action, "leaf": leaf_hash(data), "signed": signed}


class Bundle:
    """The steps of docs/formats/evidence.md; each leaves what later ones need."""

    def __init__(self, data, pinned=""):
        self.data, self.pinned, self.where, self.count = data, pinned, "", 0
        self.findings, self.not_checked, self.steps = [], [], []
        self.manifest, self.nodes, self.keys, self.heads, self.cosigned = {}, {}, {}, {}, {}

    def run(self):
        steps = [step for name, step in vars(Bundle).items() if name.startswith("check_")]
        for number, step in enumerate(steps, 1):
            self.count, self.where, before, ended = 0, "", len(self.findings), None
            try:
                step(self)
            except Exception as error:  # noqa: BLE001 - whatever cannot be read does not hold
                told = error.args if isinstance(error, Refused) else ("readable", "", f"{error!r}")
                ended = "indeterminate" if type(error) is NewerFormat else "failed"
                self.known(False, *told, verdict=ended)
            found = [finding["verdict"] for finding in self.findings[before:]]
            if self.count or found:
                self.steps += [(number, step.__doc__[:-1], self.count, (found or ["passed"])[-1])]
            if ended:
                return ended
        return "indeterminate" if self.findings else "passed"

    def known(self, condition, what, expected="", actual="", verdict="indeterminate"):
        """What cannot be known does not end the steps: a later one may still fail."""
        if not condition:
            told = {"this is not": what, "expected": expected, "actual": actual}
            self.findings.append({"verdict": verdict, "where": self.where, **told})

    def file(self, path):
        self.where = path
        ok(path in self.files, "in the bundle")
        return self.files[path]

    def check_files(self):
        """Files are those of the manifest."""
        self.files = read_archive(self.data)
        found = read_json(self.file("manifest.json"))
        listed, refs, counts = found["files"], found["as_of"], found["counts"]
        scope, signer, logs = found["scope"], found["signer"], [ref["log"] for ref in refs]
        numbers = [found["v"], found["logs"], signer["log"], *logs, *(ref["size"] for ref in refs)]
        numbers += [counts[key] for key in (*FOLDERS, "redacted")]
        texts = [found[key] for key in ("ledger", "purpose", "completeness", "sealed_at")]
        texts += [found.get(key, "-") for key in ("decision_no", "requester")] + found["not_shown"]
        texts += [ref[key] for ref in refs for key in ("origin", "root")]
        texts += [signer["key"], scope[scope["kind"]], *listed.values()]
        form = {*map(type, numbers)} == {int} and {*map(type, texts)} == {str} and all(texts)
        form = form and min(numbers) >= 0 and found["v"] == 1 and logs == sorted({*logs})
        form = form and scope["kind"] in ("dossier", "officer", "query")
        ok(form and logs[-1] < found["logs"], "a manifest")
        self.manifest, self.ledger, self.logs = found, found["ledger"], found["logs"]
        odd = sorted((UNLISTED | set(listed)) ^ set(self.files)) + sorted(UNLISTED & set(listed))
        ok(not odd, "the same in manifest and archive", "", ", ".join(odd[:5]))
        for path, expected in sorted(listed.items()):
            same("the file of the manifest", expected, sha256(self.file(path)).hexdigest())
            ok(PLACED.fullmatch(path), "a file with a place in a bundle")
            self.count += 1

    def check_entries(self):
        """Entries well-formed, in their places."""
        for path in self.files:
            folder, *names = path.split("/")
            if names and folder in FOLDERS:
                (log, index), entry = map(int, names), read_entry(self.file(path))
                here, said = (f"{self.ledger}/{log}", index), (entry["origin"], entry["index"])
                new = (log, index) not in self.nodes
                ok(said == here and new, "an entry of this place", here, said)
                self.nodes[log, index] = {"folder": folder, **entry}
                self.count += 1
        redacted = read_json(self.file("redactions.json"))
        order = [(item["log"], item["index"]) for item in redacted["redactions"]]
        ok(repr(redacted["v"]) == "1" and order == sorted(set(order)), "redactions in order")
        for item in redacted["redactions"]:
            place = item["log"], item["index"]
            form = [type(item[key]) for key in sorted(item)] == [int, str, int, str, str, int]
            form = form and min(place) >= 0 < item["version"] and item["reason"] and item["stream"]
            form = form and re.fullmatch(HEX, item["leaf"]) and place not in self.nodes
            ok(form, "a redaction of an entry not shown", "", place)
            self.nodes[place] = {**item, "leaf": bytes.fromhex(item["leaf"]), "folder": "redacted"}
        self.nodes = dict(sorted(self.nodes.items()))
        folders = [node["folder"] for node in self.nodes.values()]
        actual = {name: folders.count(name) for name in ("entries", "redacted", "registry")}
        expected = {name: self.manifest["counts"][name] for name in actual}
        same("as many entries as the manifest says", expected, actual)

    def check_signatures(self):
        """Signatures of officers and systems."""
        seen = set()
        for (log, index), node in self.nodes.items():
            self.where = f"log {log} index {index}"
            ok("action" in self.nodes.get((log, 0), ()), "of a log that shows its genesis")
            own, kind = node["stream"] == f"ledger:{self.ledger}/{log}", node.get("type")
            data = node.get("action", {}).get("data")
            if index == 0 or kind == GENESIS:
                here = [True, 0, GENESIS, self.ledger, log, self.logs]
                said = [own, index, kind, data["name"], data["log"], data["logs"]]
                same("the genesis of this log", here, said)
                self.apply(log, kind, data)
            for key, *signed in node.get("signed", ()):
                public, role = self.keys.get((log, key), NOBODY)
                ok(role == "ledger" or (role and not own), "signed by an enrolled key", "", key)
                once = (public, *signed)
                ok(once in seen or genuine(1, *once), "what this key signed", "", key)
                seen.add(once)
            if own and index:
                self.apply(log, kind, data)
        self.count = len(seen)

    def apply(self, log, kind, data):
        """What the log's own stream says of keys; a revoked id stays without one."""
        if kind == "ledger.key_revoked.v1":
            self.keys[log, data["key_id"]] = NOBODY
        added = {GENESIS: "keys", "ledger.key_enrolled.v1": "key"}.get(kind)
        for key in () if not added else data[added] if kind == GENESIS else [data[added]]:
            new = unbase64(key["public"], 32), key["role"]
            ok(key["alg"] == "Ed25519" and new[1] in ("ledger", "source"), "a key", "", key)
            known = self.keys.setdefault((log, key["id"]), new)
            ok(known in (new, NOBODY), "a key id used for the first time", "", key["id"])

    def check_chain(self):
        """Links of the log and of the streams."""
        streams, start = {}, {"version": 0, "leaf": bytes(32)}
        for (log, index), node in self.nodes.items():
            version, last = node["version"], streams.get((log, node["stream"]), start)
            self.where = f"{node['stream']} version {version}, index {index}"
            ok(last["version"] < version, "a version that grows with the index")
            streams[log, node["stream"]] = node
            before = self.nodes.get((log, index - 1)) if index else start
            last = last if last["version"] + 1 == version else None
            for field, earlier in (("prev", before), ("stream_prev", last)):
                if "action" in node and earlier:
                    same(f"linked by {field}", earlier["leaf"].hex(), node[field])
                    self.count += 1

    def check_proofs(self):
        """The log holds them all."""
        refs = {ref["log"]: ref for ref in self.manifest["as_of"]}
        for log in (*refs, "checkpoints"):
            text, signatures = read_note(data := self.file(f"proofs/{log}/checkpoint"))
            origin, decimal, root, *more = text[:-1].split("\n")
            size, form = int(decimal), origin and all(more)
            ok(form and f"{size}" == decimal and 0 <= size < 2**63, "a checkpoint")
            same("the checkpoint of this log", f"{self.ledger}/{log}", origin)
            self.heads[log] = data, text, signatures, origin, size, unbase64(root, 32)
        data = self.file("proofs/checkpoints/round")
        places = [(log, index, node["leaf"]) for (log, index), node in self.nodes.items()]
        for log, name, leaf in (*places, ("checkpoints", "round", leaf_hash(data))):
            note, _, _, _, size, root = self.heads[log]
            top, _, carried = self.file(f"proofs/{log}/{name}.tlog-proof").partition(b"\n\n")
            title, at, *lines = top.decode("ascii").split("\n")
            index = int(at[6:])
            ok((title, at) == ("c2sp.org/tlog-proof@v1", f"index {index}"), "a proof")
            ok(carried == note and name in ("round", index), "a proof of this place and note")
            found = root_by_path(index, size, leaf, [unbase64(line, 32) for line in lines])
            same("a path to the root", root.hex(), found.hex())
            self.count += log != "checkpoints"
        found = sum(path[:7] + path[-11:] == "proofs/.tlog-proof" for path in self.files) - 1
        same("proofs of these entries alone", len(self.nodes), found)
        self.round = read_json(data)
        logs, names = self.round["logs"], [f"{self.ledger}/{log}" for log in range(self.logs)]
        ok([log["origin"] for log in logs] == names and repr(self.round["v"]) == "1", "every log")
        same("of the manifest's time", self.manifest["sealed_at"], self.round["sealed_at"])
        for log, ref in refs.items():
            head = *self.heads[log][3:5], self.heads[log][5].hex()
            said = [(each["origin"], each["size"], each["root"]) for each in (ref, logs[log])]
            ok(said == [head, head], f"one checkpoint of log {log}", head, said)
            self.count += 1

    def check_checkpoints(self):
        """Checkpoints signed by the log's keys."""
        actual = sha256(data := self.file("proofs/policy.txt")).hexdigest()
        self.known(self.pinned, "pinned from outside", "a policy or fingerprint", actual)
        ok(self.pinned in ("", actual), "the policy that is pinned", self.pinned, actual)
        logs, self.witnesses, self.groups, self.quorum = read_policy(data)
        for _, text, signatures, origin, _, _ in self.heads.values():
            self.where = f"checkpoint of {origin}"
            own, found = [key for key in logs if key.name == origin], {True: [], None: []}
            self.known(own, "of a log whose key the policy names")
            for name, key_id, blob in signatures:
                for key in (*own, *self.witnesses.values()):
                    if (key.name, key.id) == (name, key_id):
                        verified = key.verifies(text, blob)
                        ok(verified is not False, "signed as it says", name, "another text's")
                        found[verified].append(key)
            ok(set(own) <= {*found[True], *found[None]}, "signed by every key of the log")
            checked = sum(key in found[True] for key in own)
            self.known(checked or not own, "signed in a way that can be checked here")
            self.count += checked
            if found[None]:
                self.not_checked += [f"{len(found[None])} ML-DSA-44 signatures, {self.where}"]
            self.cosigned[origin] = [key for key in found[True] if key not in own]

    def check_witnesses(self):
        """Witnesses of the checkpoints."""
        asked = self.cosigned if self.quorum != "none" else {}
        self.not_checked += [] if asked else ["witnesses: the policy asks for none"]
        for self.where, keys in asked.items():
            names = ", ".join(key.name for key in keys) or "none"
            reached = {name for name, key in self.witnesses.items() if key in keys}
            for name, (least, members) in self.groups.items():
                reached |= {name} if len(reached.intersection(members)) >= least else set()
            self.count += len(keys)
            self.known(self.quorum in reached, "witnessed", self.quorum, names)

    def check_completeness(self):
        """Complete as the scope says."""
        scope = self.manifest["scope"]
        logs = range(self.logs if scope["kind"] == "officer" else 0)
        own = [(at, node) for at, node in self.nodes.items() if node["folder"] != "registry"]
        actual = sum("/officer." in path and path.startswith("proofs/") for path in self.files)
        same("two officer files for each log", 2 * len(logs), actual)
        if scope["kind"] == "dossier":
            ok(own, "with an entry of the dossier")
            stream = "dossier:" + quote(scope["dossier"], safe="/")
            for version, (_, node) in enumerate(own, 1):
                same("without gap or other", (stream, version), (node["stream"], node["version"]))
                self.count += 1
        for log in logs:
            leaves = iter(self.officer_leaves(log))  # each `in` goes on behind the last one found
            for (at, index), node in own:
                self.where, action = f"log {at} index {index}", node.get("action")
                ok(at != log or node["leaf"] in leaves, "counted by the officer index")
                if action:
                    when, actor = action["occurred_at"]["at"], action["actor"]
                    within = scope.get("from_at", "") <= when <= (scope.get("to_at") or "~")
                    said = [actor["kind"], actor["id"], within]
                    ok(said == ["officer", scope["officer"], True], "of officer and period", said)
            self.count += 1

    def officer_leaves(self, log):
        """The leaf hashes of all entries of the officer, as many as the officer index counts."""
        officer, logged = self.manifest["scope"]["officer"], self.round["logs"][log]
        proof = read_json(self.file(f"proofs/{log}/officer.json"))
        leaves, size, empty = proof["leaves"], proof["officers"], root_of([]).hex()
        said = [proof[key] for key in ("officer", "origin", "size", "officers", "v")]
        here = [officer, *(logged[key] for key in ("origin", "size", "officers")), 1]
        same("a proof of this officer in this log", here, said)
        for leaf in leaves:
            text = "pal/officer/v1\n{officer}\n{count}\n{root}\n".format(**leaf).encode()
            path = [bytes.fromhex(re.fullmatch(HEX, value)[0]) for value in leaf["path"]]
            root = root_by_path(leaf["position"], size, leaf_hash(text), path).hex()
            fits = leaf["count"] and root == logged["officers_root"]
            ok(fits, "under the root of the round", "", root)
        places = [(leaf["officer"].encode(), leaf["position"]) for leaf in leaves]
        present = [name for name, _ in places] == [officer.encode()]
        counted = [leaves[0]["count"], leaves[0]["root"]] if present else [0, empty]
        # where the officer is absent: the neighbours of the place where he would stand
        place = next((at for name, at in places if name > officer.encode()), size)
        beside = [(at < place, at) for at in (place - 1, place) if 0 <= at < size]
        said = [(name < officer.encode(), at) for name, at in places]
        absent = said == beside and (size or logged["officers_root"] == empty)
        ok(present or absent, "a proof of absence", beside, said)
        lines = self.file(f"proofs/{log}/officer.leaves").decode("ascii")
        ok(re.fullmatch(f"({HEX}\n)*", lines), "one hash on each line")
        found = [bytes.fromhex(line) for line in lines.split()]
        same("as many entries, under one root", counted, [len(found), root_of(found).hex()])
        return found

    def check_manifest(self):
        """Manifest signed by the ledger."""
        signer, (text, signatures) = self.manifest["signer"], read_note(self.file("manifest.note"))
        public, role = self.keys.get((signer["log"], signer["key"]), NOBODY)
        ok(role == "ledger", "signed by a key of role ledger", "", signer["key"])
        expected = sha256(self.files["manifest.json"]).hexdigest()
        same("a note over this manifest", f"pal/evidence/v1\n{expected}\n", text)
        ((name, key_id, blob),) = signatures
        key = Key(f"{self.ledger}/{signer['log']}", b"\1" + public)
        signed = (name, key_id) == (key.name, key.id) and key.verifies(text, blob)
        ok(signed, "signed by the signer", key.name, name)
        self.count += 1

    def check_times(self):
        """Trusted time of the checkpoints."""
        tokens = sum(path.endswith("/checkpoint.tsr") for path in self.files)
        self.not_checked += [f"trusted time: {tokens} tokens (RFC 3161)"] if tokens else []


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bundle", type=argparse.FileType("rb"))
    parser.add_argument("--policy", type=argparse.FileType("rb"), help="from elsewhere")
    parser.add_argument("--fingerprint", default="", help="its SHA-256, from elsewhere")
    parser.add_argument("--json", action="store_true", help="the same for programs")
    options = parser.parse_args()
    policy = sha256(options.policy.read()).hexdigest() if options.policy else ""
    bundle = Bundle(options.bundle.read(), policy or options.fingerprint.lower())
    verdict = bundle.run()
    found = {name: getattr(bundle, name) for name in ("steps", "findings", "not_checked")}
    lines = [f"{verdict.upper()}  {options.bundle.name}"]
    lines += ["  {:2}  {:40} {:7}  {}".format(*step) for step in bundle.steps]
    lines += [f"  {key:12} {text!a}" for each in bundle.findings for key, text in each.items()]
    lines += [f"  not checked  {line}" for line in bundle.not_checked]
    lines += [f"  not shown    {line!a}" for line in bundle.manifest.get("not_shown", ())]
    print(json.dumps({"verdict": verdict, **found}) if options.json else "\n".join(lines))
    return {"passed": 0, "failed": 1, "indeterminate": 2}[verdict]


if __name__ == "__main__":
    sys.exit(main())
