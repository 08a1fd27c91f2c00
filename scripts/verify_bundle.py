#!/usr/bin/env python3
"""Verifies an evidence bundle of the Procedure Audit Ledger: one file, Python 3.9 or newer alone.

Written from docs/formats/evidence.md and the texts that it names (C2SP, RFC 6962, RFC 8032); it
shares no code with the ledger. A copy lies in each bundle as verify.py: take it from somewhere else
than the bundle that you doubt, and the fingerprint of the policy from paper.

    python3 verify.py BUNDLE.zip --fingerprint HEX        (or --policy policy.txt)

Exit codes: 0 passed, 1 failed, 2 indeterminate; wrong use ends with 2 and a line on stderr.
"""

from __future__ import annotations

import argparse
import json
import re
import struct
import sys
from base64 import b64decode, b64encode
from datetime import datetime
from functools import lru_cache
from hashlib import sha256, sha512
from urllib.parse import quote
from zlib import crc32

Ed25519PublicKey = MLDSA44PublicKey = None
try:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
except ImportError:  # what is missing is done by hand, or not checked
    pass

N = "(0|[1-9][0-9]{0,15})"
NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
PLACED = re.compile(
    rf"(?!entries/|registry/|proofs/).*|(entries|registry)/{N}/{N}|proofs/(policy\.txt|{N}/"
    rf"({N}\.tlog-proof|officer\.(json|leaves))|(checkpoints|{N})/checkpoint(\.tsr)?"
    r"|checkpoints/round(\.tlog-proof)?)"
)
UNLISTED = {"manifest.json", "manifest.note", "custody.jsonl"}
HEX = re.compile("[0-9a-f]{64}")
SEAL = {"prev": HEX, "stream_prev": HEX, "origin": re.compile("[!-~]+/(0|[1-9][0-9]*)")}
SEAL["recorded_at"] = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6}Z")
SEAL["stream"] = re.compile("[a-z]+:([A-Za-z0-9._~/-]|%[0-9A-F]{2})+")
SEAL["type"] = re.compile(r"[a-z]+\.[a-z][a-z0-9_]*\.v[1-9][0-9]*")


class Refused(ValueError):
    """What does not hold: what, expected, actual."""


class NewerFormat(Refused):
    """An entry that this program is too old to read."""


def ok(condition, what, expected="", actual=""):
    if not condition:
        raise Refused(what, str(expected), str(actual))


# Ed25519 (RFC 8032 section 5.1) for where there is no library

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0])
    c, d = 2 * p[3] * q[3] * D, 2 * p[2] * q[2]
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def decode_point(data):
    sign, y = divmod(int.from_bytes(data, "little"), 2**255)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    ok(y < P and x * x % P == square and (x or not sign), "a point of the curve")
    x = x if x & 1 == sign else P - x
    return x, y, 1, x * y % P


@lru_cache(maxsize=64)
def table_of(data, negative):
    """j * 16^i times a point for each i and j: one key signs many entries."""
    (x, y, z, t), rows = decode_point(data), []
    point = (P - x, y, z, P - t) if negative else (x, y, z, t)
    for _ in range(64):
        rows.append([(0, 1, 1, 0)])
        for _ in range(16):
            rows[-1].append(add(rows[-1][-1], point))
        point = rows[-1][16]
    return rows


def ed25519_by_hand(public, signature, message):
    base, minus = table_of(b"\x58" + b"\x66" * 31, False), table_of(public, True)
    s, total = int.from_bytes(signature[32:], "little"), (0, 1, 1, 0)
    k = int.from_bytes(sha512(signature[:32] + public + message).digest(), "little") % ORDER
    for at in range(64):  # s * base - k * the public key's point
        total = add(add(total, base[at][s >> 4 * at & 15]), minus[at][k >> 4 * at & 15])
    x, y = (each * pow(total[2], P - 2, P) % P for each in total[:2])
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
    data = b64decode(text, validate=True)
    ok(b64encode(data).decode() == text and length in (None, len(data)), "base64 of this length")
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


def root_of(level):
    while len(level) > 1:
        pairs = [b"".join(level[i : i + 2]) for i in range(0, len(level), 2)]
        level = [sha256(b"\1" + pair).digest() if len(pair) == 64 else pair for pair in pairs]
    return level[0] if level else sha256(b"").digest()


# Signed notes, checkpoints, policies, proofs (C2SP)


class Key:
    """A public key: kind 1 Ed25519, 4 and 6 cosignatures with Ed25519 and ML-DSA-44."""

    def __init__(self, name, kind, public):
        ok(len(public) == {1: 32, 4: 32, 6: 1312}.get(kind), "a key of a known kind")
        ok(name and not re.search(r"[\s+]", name), "a name of a key")
        self.name, self.kind, self.public = name, kind, public
        self.id = sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]

    def verifies(self, text, blob):
        stamp = b"" if self.kind == 1 else blob[:8]
        seconds, message = int.from_bytes(stamp, "big"), text.encode()
        if self.kind == 4:
            message = f"cosignature/v1\ntime {seconds}\n{text}".encode()
        if self.kind == 6:
            origin, size, root, extensions = read_checkpoint(text)
            ok(not extensions, "a checkpoint without extension lines")
            n = [bytes([len(name)]) + name for name in (self.name.encode(), origin.encode())]
            message = b"subtree/v1\n\0" + n[0] + stamp + n[1] + struct.pack(">QQ", 0, size) + root
        return seconds < 2**63 and genuine(self.kind, self.public, blob[len(stamp) :], message)


def read_key(text):
    name, key_id, material = text.split("+", 2)
    data = unbase64(material)
    key = Key(name, data[0], data[1:])
    ok(key.id.hex() == key_id, "the id of its key", key.id.hex(), key_id)
    return key


def read_note(data):
    whole = data.decode()
    text, blank, block = whole.rpartition("\n\n")
    lines, signatures = block[:-1].split("\n"), []
    clean = len(data) <= 1_000_000 and not re.search("[\0-\x09\x0b-\x1f]", whole)
    ok(clean and blank and block.endswith("\n") and len(lines) <= 100, "a note")
    for line in lines:
        dash, name, encoded = line.split(" ", 2)
        raw = unbase64(encoded)
        ok(dash == "\u2014" and not re.search(r"[\s+]|^$", name) and len(raw) > 4, "a signature")
        signatures.append((name, raw[:4], raw[4:]))
    return text + "\n", signatures


def read_checkpoint(text):
    *lines, rest = text.split("\n")
    size = int(lines[1])
    ok(not rest and all(lines) and f"{size}" == lines[1] and 0 <= size < 2**63, "a checkpoint")
    return lines[0], size, unbase64(lines[2], 32), lines[3:]


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
            known = len(logs) < 1024 and [k.public for k in (*logs, *witnesses.values())]
            ok(key.kind in kinds and key.public not in known, "a key for this, once", "", key.name)
            logs += [key] * (word == "log")
            witnesses.update({items[0]: key} if word == "witness" else {})
        elif word == "group" and new:
            how, *names = items[1:]
            least = {"all": len(names), "any": 1, **{f"{n}": n for n in range(194)}}[how]
            known = all((n in witnesses or n in groups) and n not in once for n in names)
            ok(known and 0 < least <= len({*names}) == len(names), "a group of names above")
            once, groups[items[0]] = once | {*names}, (least, names)
        elif fits and word == "quorum" and not new:
            quorums.append(items[0])
        else:
            ok(word == "" or word[0] == "#", "a line of a policy", "", line)
        ok(len(witnesses) <= 64 and len(groups) <= 129, "at most 64 witnesses and 128 groups")
    ok(data.endswith(b"\n") and len(quorums) == 1, "a whole policy with one quorum", 1, quorums)
    return logs, witnesses, groups, quorums[0]


def check_place(index, data, head, leaf):
    """A .tlog-proof leads from a leaf to the root of the checkpoint that it carries."""
    top, _, note = data.partition(b"\n\n")
    title, at, *lines = top.decode("ascii").split("\n")
    place = int(at[6:])
    ok((title, at) == ("c2sp.org/tlog-proof@v1", f"index {place}"), "a proof")
    ok(note == head["data"] and index in (None, place), "a proof of this place under this note")
    root = root_by_path(place, head["size"], leaf, [unbase64(line, 32) for line in lines])
    ok(root == head["root"], "a path to the root", head["root"].hex(), root.hex())


# The archive and the entries


def write_archive(files):
    parts, central, at = [], [], 0
    for name, data in sorted(files.items()):
        ok(NAME.fullmatch(name) and len(name) <= 200 and len(files) < 65536, "a name of a file")
        raw, sizes = name.encode(), (crc32(data), len(data), len(data), len(name), 0)
        same = struct.pack("<HHHHHLLLHH", 10, 0, 0, 0, 33, *sizes)
        parts += [b"PK\3\4", same, raw, data]
        central += [b"PK\1\2\x14\0", same, struct.pack("<HHHLL", 0, 0, 0, 0, at), raw]
        at += 30 + len(raw) + len(data)
    end = (0, 0, len(files), len(files), sum(map(len, central)), at, 0)
    return b"".join([*parts, *central, b"PK\5\6", struct.pack("<HHHHLLH", *end)])


def read_archive(data):
    files, at = {}, 0
    ok(len(data) <= 2**30, "an archive of at most a gibibyte")
    while data[at : at + 4] == b"PK\3\4":
        size, length = struct.unpack_from("<L4xH", data, at + 18)
        begin = at + 30 + length
        name, at = data[at + 30 : begin].decode("ascii"), begin + size
        ok(at <= len(data) and name not in files, "a whole file, once", "", name[:80])
        files[name] = data[begin:at]
    ok(write_archive(files) == data, "an archive in its one form")
    return files


def read_entry(data):
    line, cut, action_bytes = data.partition(b"\n")
    ok(cut and len(data) < 65536, "an entry of two lines, of at most 65,535 bytes")
    seal = read_json(line)
    if type(seal) is dict and type(seal.get("v")) is int and seal["v"] > 1:
        raise NewerFormat("of format version 1: take a newer verify.py")
    ok(set(seal) == {*SEAL, "index", "sigs", "v", "version"} and seal["v"] == 1, "a seal")
    ok(all(form.fullmatch(seal[key]) for key, form in SEAL.items()), "the texts of a seal")
    numbers = [(seal["v"], 1), (seal["index"], 0), (seal["version"], 1)]
    numbers += [pair for sig in seal["sigs"] for pair in ((sig["at"], 0), (sig["size"], 1))]
    ok(seal["sigs"] and all(type(n) is int and n >= least for n, least in numbers), "a full seal")
    datetime.strptime(seal["recorded_at"], "%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: DTZ007 - the form only
    action = read_json(action_bytes)
    ok([action[key] for key in ("stream", "type")] == [seal["stream"], seal["type"]], "of its seal")
    signed = []
    for sig in seal["sigs"]:
        fits = set(sig) == {"at", "key", "path", "sig", "size"} and type(sig["path"]) is list
        ok(fits and re.fullmatch("[!-~]+", sig["key"]), "a signature")
        path = [unbase64(text, 32) for text in sig["path"]]
        root = root_by_path(sig["at"], sig["size"], leaf_hash(action_bytes), path)
        message = b"pal/actions/v1\n%d\n%s\n" % (sig["size"], b64encode(root))
        signed.append((sig["key"], unbase64(sig["sig"], 64), message))
    return {**seal, "action": action, "leaf": leaf_hash(data), "signed": signed}


class Bundle:
    """The steps of docs/formats/evidence.md; each leaves what later ones need."""

    def __init__(self, data, pinned=""):
        self.data, self.pinned = data, pinned
        self.findings, self.not_checked, self.steps, self.where = [], [], [], ""
        self.manifest, self.nodes, self.keys, self.heads = {}, {}, {}, {}

    def run(self):
        for number, step in enumerate(STEPS, 1):
            self.count, before, ended, self.where = 0, len(self.findings), False, ""
            try:
                step(self)
            except Exception as error:  # noqa: BLE001 - whatever cannot be read does not hold
                verdict = "indeterminate" if type(error) is NewerFormat else "failed"
                told = error.args if isinstance(error, Refused) else ("readable", "", f"{error!r}")
                ended = self.find(verdict, *told)
            found = [finding["verdict"] for finding in self.findings[before:]]
            if self.count or found:
                self.steps += [(number, step.__doc__[:-1], self.count, (found or ["passed"])[-1])]
            if ended:
                break
        found = [finding["verdict"] for finding in self.findings]
        return "failed" if "failed" in found else "indeterminate" if found else "passed"

    def find(self, verdict, what, expected="", actual=""):
        found = {"verdict": verdict, "where": self.where, "this is not": what}
        self.findings.append({**found, "expected": expected, "actual": actual})
        return True

    def file(self, path):
        self.where = path
        ok(path in self.files, "in the bundle")
        return self.files[path]

    def origin(self, log):
        return f"{self.manifest['ledger']}/{log}"

    def check_files(self):
        """Files are those of the manifest."""
        self.files = read_archive(self.data)
        found = self.manifest = read_json(self.file("manifest.json"))
        listed, scope, logs = found["files"], found["scope"], [ref["log"] for ref in found["as_of"]]
        keys, rest = ("entries", "redacted", "registry"), (found["signer"]["log"], found["logs"])
        numbers = [found["v"], *rest, *(found["counts"][key] for key in keys)]
        numbers += [ref[key] for ref in found["as_of"] for key in ("log", "size")]
        texts = [found[key] for key in ("ledger", "purpose", "completeness", "sealed_at")]
        texts += [found.get(key, "-") for key in ("decision_no", "requester")] + found["not_shown"]
        texts += [ref[key] for ref in found["as_of"] for key in ("origin", "root")]
        texts += [found["signer"]["key"], scope[scope["kind"]], *listed.values()]
        known = scope["kind"] in ("dossier", "officer", "query") and found["v"] == 1
        known = known and all(type(number) is int and number >= 0 for number in numbers)
        known = known and all(type(text) is str and text for text in texts)
        ok(known and logs == sorted(set(logs)) and logs[-1] < found["logs"], "a manifest")
        odd = sorted((UNLISTED | set(listed)) ^ set(self.files)) + sorted(UNLISTED & set(listed))
        ok(not odd, "the same in manifest and archive", "", ", ".join(odd[:5]))
        for path, expected in sorted(listed.items()):
            actual = sha256(self.file(path)).hexdigest()
            ok(actual == expected, "the file of the manifest", expected, actual)
            ok(PLACED.fullmatch(path), "a file with a place in a bundle")
            self.count += 1

    def check_entries(self):
        """Entries well-formed, in their places."""
        for path in sorted(self.files):
            folder, *names = path.split("/")
            if names and folder in ("entries", "registry"):
                entry, place = read_entry(self.file(path)), tuple(map(int, names))
                said, here = (entry["origin"], entry["index"]), (self.origin(place[0]), place[1])
                ok(said == here and place not in self.nodes, "an entry of this place", here, said)
                self.nodes[place] = {"folder": folder, **entry}
                self.count += 1
        redacted = read_json(self.file("redactions.json"))
        order = [(item["log"], item["index"]) for item in redacted["redactions"]]
        ok(f"{redacted['v']}" == "1" and order == sorted(set(order)), "redactions in order")
        for item in redacted["redactions"]:
            place, numbers = (item["log"], item["index"]), (item["log"], item["version"] - 1)
            fits = len(item) == 6 and item["reason"] and HEX.fullmatch(item["leaf"])
            fits = fits and all(type(n) is int and n >= 0 for n in (*numbers, item["index"]))
            ok(fits and place not in self.nodes, "a redaction of an entry not shown", "", place)
            leaf = {"leaf": bytes.fromhex(item["leaf"]), "folder": "redacted"}
            self.nodes[place] = {"stream": item["stream"], "version": item["version"], **leaf}
        self.nodes = dict(sorted(self.nodes.items()))
        folders = [node["folder"] for node in self.nodes.values()]
        actual = {name: folders.count(name) for name in ("entries", "redacted", "registry")}
        expected = {name: self.manifest["counts"][name] for name in actual}
        ok(actual == expected, "as many entries as the manifest says", expected, actual)

    def check_signatures(self):
        """Signatures of officers and systems."""
        seen = set()
        for (log, index), node in self.nodes.items():
            self.where = f"log {log} index {index}"
            ok("action" in self.nodes.get((log, 0), ()), "of a log that shows its genesis")
            if "action" not in node:
                continue
            own, data = node["stream"] == f"ledger:{node['origin']}", node["action"].get("data")
            if index == 0 or node["type"] == "ledger.genesis.v1":
                said = [own, index, node["type"], data["name"], data["log"], data["logs"]]
                ledger, logs = self.manifest["ledger"], self.manifest["logs"]
                here = [True, 0, "ledger.genesis.v1", ledger, log, logs]
                ok(said == here, "the genesis of this log", here, said)
                self.apply(log, node["type"], data)
            for key, signature, message in node["signed"]:
                public, role = self.keys.get((log, key), (b"", ""))
                ok(role == "ledger" or (role and not own), "signed by an enrolled key", "", key)
                fits = (key, signature, message) in seen or genuine(1, public, signature, message)
                ok(fits, "what this key signed", "", key)
                seen.add((key, signature, message))
            if own and index:
                self.apply(log, node["type"], data)
        self.count = len(seen)

    def apply(self, log, kind, data):
        """What the log's own stream says of keys; a revoked id stays without one."""
        if kind == "ledger.key_revoked.v1":
            self.keys[log, data["key_id"]] = (b"", "")
        keys = data["keys"] if kind == "ledger.genesis.v1" else []
        for key in [data["key"]] if kind == "ledger.key_enrolled.v1" else keys:
            new = unbase64(key["public"], 32), key["role"]
            ok(key["alg"] == "Ed25519" and new[1] in ("ledger", "source"), "a key", "", key)
            known = self.keys.setdefault((log, key["id"]), new)
            ok(known in (new, (b"", "")), "a key id used for the first time", "", key["id"])

    def check_chain(self):
        """Links of the log and of the streams."""
        streams = {}
        for (log, index), node in self.nodes.items():
            version, last = node["version"], streams.get((log, node["stream"]))
            self.where = f"{node['stream']} version {version}, index {index}"
            ok(last is None or last["version"] < version, "a version that grows with the index")
            streams[log, node["stream"]] = node
            last = last if last and last["version"] + 1 == version else None
            links = ("prev", index == 0, self.nodes.get((log, index - 1)))
            for field, first, before in (links, ("stream_prev", version == 1, last)):
                if "action" in node and (first or before):
                    expected = "0" * 64 if first else before["leaf"].hex()
                    ok(node[field] == expected, f"linked by {field}", expected, node[field])
                    self.count += 1

    def check_proofs(self):
        """The log holds them all."""
        refs = {ref["log"]: ref for ref in self.manifest["as_of"]}
        for log in (*refs, "checkpoints"):
            data = self.file(f"proofs/{log}/checkpoint")
            text, signatures = read_note(data)
            origin, size, root, _ = read_checkpoint(text)
            ok(origin == self.origin(log), "the checkpoint of this log", self.origin(log), origin)
            head = {"data": data, "text": text, "signatures": signatures, "origin": origin}
            self.heads[log] = {"size": size, "root": root, **head}
        for (log, index), node in self.nodes.items():
            proof = self.file(f"proofs/{log}/{index}.tlog-proof")
            check_place(index, proof, self.heads[log], node["leaf"])
            self.count += 1
        found = sum(path[:7] + path[-11:] == "proofs/.tlog-proof" for path in self.files) - 1
        ok(found == len(self.nodes), "proofs of these entries alone", len(self.nodes), found)
        proof, data = (self.file(f"proofs/checkpoints/round{end}") for end in (".tlog-proof", ""))
        check_place(None, proof, self.heads["checkpoints"], leaf_hash(data))
        self.round = read_json(data)
        logs, at = self.round["logs"], self.manifest["sealed_at"]
        names = [self.origin(log) for log in range(self.manifest["logs"])]
        ok([log["origin"] for log in logs] == names and self.round["v"] == 1, "every log, in order")
        ok(self.round["sealed_at"] == at, "of the manifest's time", at, self.round["sealed_at"])
        for log, ref in refs.items():
            head = self.heads[log]["origin"], self.heads[log]["size"], self.heads[log]["root"].hex()
            said = [(each["origin"], each["size"], each["root"]) for each in (ref, logs[log])]
            ok(said == [head, head], f"one checkpoint of log {log}", head, said)
            self.count += 1

    def check_checkpoints(self):
        """Checkpoints signed by the log's keys."""
        data = self.file("proofs/policy.txt")
        actual = sha256(data).hexdigest()
        if not self.pinned:
            self.find("indeterminate", "pinned from outside", "a policy or fingerprint", actual)
        ok(self.pinned in ("", actual), "the policy that is pinned", self.pinned, actual)
        logs, self.witnesses, self.groups, self.quorum = read_policy(data)
        for head in self.heads.values():
            self.where = f"checkpoint of {head['origin']}"
            own, found = [key for key in logs if key.name == head["origin"]], {True: [], None: []}
            if not own:
                self.find("indeterminate", "of a log whose key the policy names")
            for name, key_id, blob in head["signatures"]:
                for key in (*own, *self.witnesses.values()):
                    if (key.name, key.id) == (name, key_id):
                        verified = key.verifies(head["text"], blob)
                        ok(verified is not False, "signed as it says", name, "another text's")
                        found[verified].append(key)
            ok(set(own) <= {*found[True], *found[None]}, "signed by every key of the log")
            self.count += sum(key in found[True] for key in own)
            if own and not set(own) & set(found[True]):
                self.find("indeterminate", "signed in a way that can be checked here")
            unchecked = [f"{len(found[None])} ML-DSA-44 signatures, {self.where}"]
            self.not_checked += unchecked if found[None] else []
            head["cosigned"] = [key for key in found[True] if key not in own]

    def check_witnesses(self):
        """Witnesses of the checkpoints."""
        asked = list(self.heads.values()) if self.quorum != "none" else []
        self.not_checked += [] if asked else ["witnesses: the policy asks for none"]
        for head in asked:
            self.where, names = head["origin"], [key.name for key in head["cosigned"]]
            reached = {name for name, key in self.witnesses.items() if key in head["cosigned"]}
            for name, (least, members) in self.groups.items():
                reached |= {name} if sum(map(reached.__contains__, members)) >= least else set()
            self.count += len(names)
            if self.quorum not in reached:
                self.find("indeterminate", "witnessed", self.quorum, ", ".join(names) or "none")

    def check_completeness(self):
        """Complete as the scope says."""
        scope, logs = self.manifest["scope"], range(len(self.round["logs"]))
        logs = logs if scope["kind"] == "officer" else ()
        own = [(at, node) for at, node in self.nodes.items() if node["folder"] != "registry"]
        actual = sum("/officer." in path and path.startswith("proofs/") for path in self.files)
        ok(actual == 2 * len(logs), "two officer files for each log", 2 * len(logs), actual)
        if scope["kind"] == "dossier":
            ok(own, "with an entry of the dossier")
            stream = "dossier:" + quote(scope["dossier"], safe="/")
            for version, (_, node) in enumerate(own, 1):
                said = node["stream"], node["version"]
                ok(said == (stream, version), "without gap or other", (stream, version), said)
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
        said = [proof["officer"], proof["origin"], proof["size"], size, proof["v"]]
        here = [officer, logged["origin"], logged["size"], logged["officers"], 1]
        ok(said == here, "a proof of this officer in this log", here, said)
        for leaf in leaves:
            text = "pal/officer/v1\n{officer}\n{count}\n{root}\n".format(**leaf)
            path = [bytes.fromhex(HEX.fullmatch(value)[0]) for value in leaf["path"]]
            root = root_by_path(leaf["position"], size, leaf_hash(text.encode()), path).hex()
            fits = leaf["count"] and root == logged["officers_root"]
            ok(fits, "under the root of the round", "", root)
        places = [(leaf["officer"].encode(), leaf["position"]) for leaf in leaves]
        present = [name for name, _ in places] == [officer.encode()]
        counted = [leaves[0]["count"], leaves[0]["root"]] if present else [0, empty]
        if not present:  # the neighbours of the place where the officer would stand
            place = next((at for name, at in places if name > officer.encode()), size)
            beside = [(at < place, at) for at in (place - 1, place) if 0 <= at < size]
            said = [(name < officer.encode(), at) for name, at in places]
            known = said == beside and (size or logged["officers_root"] == empty)
            ok(known, "a proof of absence", beside, said)
        *lines, rest = self.file(f"proofs/{log}/officer.leaves").decode("ascii").split("\n")
        ok(not rest and all(map(HEX.fullmatch, lines)), "one hash on each line")
        found = [bytes.fromhex(line) for line in lines]
        said = [len(found), root_of(found).hex()]
        ok(said == counted, "as many entries, under one root", counted, said)
        return found

    def check_manifest(self):
        """Manifest signed by the ledger."""
        signer, (text, signatures) = self.manifest["signer"], read_note(self.file("manifest.note"))
        public, role = self.keys.get((signer["log"], signer["key"]), (b"", ""))
        ok(role == "ledger", "signed by a key of role ledger", "", signer["key"])
        expected = f"pal/evidence/v1\n{sha256(self.files['manifest.json']).hexdigest()}\n"
        ok(text == expected, "a note over this manifest", expected, text)
        key, ((name, key_id, blob),) = Key(self.origin(signer["log"]), 1, public), signatures
        fits = (name, key_id) == (key.name, key.id) and key.verifies(text, blob)
        ok(fits, "signed by the signer", key.name, name)
        self.count += 1

    def check_times(self):
        """Trusted time of the checkpoints."""
        tokens = sum(path.endswith("/checkpoint.tsr") for path in self.files)
        self.not_checked += [f"trusted time: {tokens} tokens (RFC 3161)"] if tokens else []


STEPS = [step for name, step in vars(Bundle).items() if name.startswith("check_")]


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
