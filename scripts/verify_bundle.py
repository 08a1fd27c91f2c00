#!/usr/bin/env python3
"""Verifies an evidence bundle of the Procedure Audit Ledger: one file, Python 3.9 or newer alone.

    python3 verify.py BUNDLE.zip --fingerprint HEX        (or --policy policy.txt)

Exit codes: 0 passed, 1 failed, 2 indeterminate or wrong use. Written from docs/formats/evidence.md
and the texts that it names (C2SP, RFC 6962, RFC 8032), without code of the ledger. A copy lies in
each bundle: take yours from elsewhere than the bundle that you doubt, the fingerprint from paper.
"""

import argparse
import json
import re
import struct
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
# Canonical JSON and the notes of C2SP have one form, so that a pattern can say it
N, POS, HEX, HASH = "(0|[1-9][0-9]{0,15})", "[1-9][0-9]*", "[0-9a-f]{64}", "[A-Za-z0-9+/]{43}="
PLACED = re.compile(  # the groups are folder and place of an entry; ASCII is all that is asked
    rf"(entries|registry)/({N}/{N})|proofs/(policy\.txt|checkpoints/round(\.tlog-proof)?"
    rf"|{N}/({N}\.tlog-proof|officer\.(json|leaves))|(checkpoints|{N})/checkpoint(\.tsr)?)"
    r"|(?!.{201}|(entries|registry|proofs)/)[^\W_][\w.-]*(/[^\W_][\w.-]*)*"
)
VISIBLE, TEXT = r'([!#-\[\]-~]|\\["\\])+', r'"([^"\\]|\\.)+"'
SIG = rf'{{"at":{N},"key":"{VISIBLE}","path":\[("{HASH}",?)*\],"sig":"[^"]*","size":{POS}}}'
SEAL = re.compile(
    rf'{{"index":{N},"origin":"{VISIBLE}/{N}","prev":"{HEX}","recorded_at":"[0-9TZ:.-]{{27}}",'
    rf'"sigs":\[({SIG},?)+\],"stream":"[a-z]+:([A-Za-z0-9._~/-]|%[0-9A-F]{{2}})+","stream_prev":'
    rf'"{HEX}","type":"[a-z]+\.[a-z][a-z0-9_]*\.v[1-9][0-9]*","v":1,"version":{POS}}}'
)
HIDDEN = rf'"index":{N},"leaf":"{HEX}","log":{N},"reason":{TEXT},"stream":{TEXT},"version":{POS}'
REDACTION = re.compile(rf'{{"approval":{{"index":{N},"log":{N}}},{HIDDEN}}}')
LOGGED = rf'{{"officers":{N},"officers_root":"{HEX}","origin":{TEXT},"root":"{HEX}","size":{N}}}'
ROUND = re.compile(rf'{{"logs":\[({LOGGED},?)+\],"sealed_at":"[0-9TZ:.-]{{27}}","v":1}}')
LEAF = rf'{{"count":{POS},"officer":{TEXT},"path":\[("{HEX}",?)*\],"position":{N},"root":"{HEX}"}}'
SIGNED = "\u2014 ([^\0-\x1f\\s+]+) ([^\\s=]{7}\\S*)\n"  # four bytes of a key's id, and more
NOTE = re.compile(f"([^\0-\x09\x0b-\x1f]*\n)\n(({SIGNED}){{1,100}})")
UNLISTED = {"manifest.json", "manifest.note", "custody.jsonl"}
FOLDERS, NOBODY = ("entries", "redacted", "registry"), ({"role": ""}, None, 2**53)
GENESIS, ENROLLED, REVOKED = (f"ledger.{n}.v1" for n in ("genesis", "key_enrolled", "key_revoked"))


class Refused(ValueError): ...  # what does not hold, expected, actual, verdict


def ok(what, found, *expected):
    if found not in expected if expected else not found:
        raise Refused(what, *(map(str, (*expected, found)) if expected else ("", "")), "failed")


# Ed25519 (RFC 8032 section 5.1) for where there is no library
P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def add(p, q):
    (x, y, z, t), (u, v, w, s) = p, q
    a, b, c, d = (y - x) * (v - u), (y + x) * (v + u), 2 * D * t * s, 2 * z * w
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


@lru_cache(maxsize=64)
def doubled(data, sign):  # a point, or minus it, times 2^i for each i: one key signs many entries
    odd, y = divmod(int.from_bytes(data, "little"), 2**255)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    ok("a point of the curve", y < P and x * x % P == square and (x or not odd))
    x = sign * (x if x & 1 == odd else P - x)
    return [*accumulate(range(255), lambda p, _: add(p, p), initial=(x, y, 1, x * y % P))]


def ed25519_by_hand(public, signature, message):  # s * base - k * key is what it begins with
    s = int.from_bytes(signature[32:], "little")
    k = int.from_bytes(sha512(signature[:32] + public + message).digest(), "little") % ORDER
    bits, points = s | k << 256, doubled(b"\x58" + b"\x66" * 31, 1) + doubled(public, -1)
    x, y, z, _ = reduce(add, (p for at, p in enumerate(points) if bits >> at & 1), (0, 1, 1, 0))
    x, y = x * pow(z, -1, P) % P, y * pow(z, -1, P) % P
    return s < ORDER and (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


canonical = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


def read_json(data):
    value = json.loads(data.decode(), parse_float=str, parse_constant=str)  # texts, so other bytes
    ok("canonical JSON", canonical(value).encode() == data)
    inside = [(value, 0)]  # grows while it is walked
    for item, depth in inside:
        kind = type(item)
        form = kind in (dict, list, str, bool) or (kind is int and abs(item) < 2**53)
        ok("JSON", form and depth <= 32 and (kind is not dict or "".join(item).isascii()))
        items = item.values() if kind is dict else item if kind is list else ()
        inside += [(each, depth + 1) for each in items]
    return value


def unbase64(text, length=None):
    data = a2b_base64(text)
    ok("base64 in form", b2a_base64(data).decode() == f"{text}\n" and length in (None, len(data)))
    return data


def root_by_path(at, size, leaf, path):  # RFC 6962
    inner = (at ^ (size - 1)).bit_length()
    ok("an inclusion proof", 0 <= at < size and len(path) == inner + bin(at >> inner).count("1"))
    for level, sibling in enumerate(path):
        left = level < inner and not at >> level & 1
        leaf = sha256(b"\1" + (leaf + sibling if left else sibling + leaf)).digest()
    return leaf


def root_of(leaves):
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + root_of(leaves[:half]) + root_of(leaves[half:])).digest()


class Key:  # kind 1 is Ed25519; 4 and 6 are cosignatures, with Ed25519 and ML-DSA-44
    def __init__(self, name, data):
        self.kind, self.public, sizes = data[0], data[1:], {1: 32, 4: 32, 6: 1312}
        ok("a key", len(self.public) == sizes.get(self.kind) and re.fullmatch(r"[^\s+]+", name))
        y = int.from_bytes(self.public, "little") % 2**255  # if its order divides 8, anybody signs
        ok("of large order", self.kind == 6 or y * (y * y - 1) * (D * y**4 + 2 * y * y - 1) % P)
        self.label = name, sha256(name.encode() + b"\n" + data).digest()[:4]

    def verify(self, text, blob):  # refuses what is not signed; False where that is not known here
        stamp, signature = (b"", blob) if self.kind == 1 else (blob[:8], blob[8:])
        seconds = int.from_bytes(stamp, "big")
        ok("a signature", seconds < 2**63 and len(signature) == (2420 if self.kind == 6 else 64))
        message = (text if self.kind == 1 else f"cosignature/v1\ntime {seconds}\n{text}").encode()
        if self.kind == 6:
            origin, size, root, _ = text.split("\n")  # and no extension lines
            own, log = (b"%c%b" % (len(n.encode()), n.encode()) for n in (self.label[0], origin))
            tree = struct.pack(">QQ32s", 0, int(size), unbase64(root, 32))
            message = b"subtree/v1\n\0" + own + stamp + log + tree
        library = MLDSA44PublicKey if self.kind == 6 else Ed25519PublicKey
        if library:
            return library.from_public_bytes(self.public).verify(signature, message) is None
        ok("genuine", self.kind == 6 or ed25519_by_hand(self.public, signature, message))
        return self.kind != 6


def read_note(data):
    note = NOTE.fullmatch(data.decode())
    ok("a note", note and len(data) <= 1_000_000)
    raws = [(name, unbase64(raw)) for name, raw in re.findall(SIGNED, note[2])]
    return note[1], [((name, raw[:4]), raw[4:]) for name, raw in raws]


def read_policy(data):  # keys of logs and witnesses, groups by name, quorum; nobody counts twice
    keys, groups, quorums, once = {"log": [], "witness": []}, {"none": (0, [])}, [], {"none"}
    ok("a policy", len(data) <= 2_000_000 and re.fullmatch(rb"([\t -~\x80-\xff]*\n)+", data))
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        word, *items = re.findall("[^ \t]+", line) or "#"
        if word in keys:  # a key is a group of one; a log's has its line for a name, which is none
            name, text, *url = items if word == "witness" else (line, *items)
            owner, key_id, material = text.split("+", 2)
            key, least = Key(owner, unbase64(material)), 1
            kinds, members = (4, 6) if word == "witness" else (1, 6), [key.public]
            fits = key.kind in kinds and key.label[1].hex() == key_id and len(url) < 2
            keys[word].append(key)
        elif word == "group":
            name, how, *members = items
            least = {"all": len(members), "any": 1, **{f"{n}": n for n in range(194)}}[how]
            fits = groups.keys() >= {*members} and 0 < least <= len({*members}) == len(members)
        else:
            quorums += items if word == "quorum" else []
            quorum = word == "quorum" and len(items) == len(quorums) == 1 and items[0] in groups
            ok(f"a line of a policy: {line}", quorum or word[0] == "#")
            continue
        ok(f"new: {line}", fits and name not in groups and once.isdisjoint(members))
        once.update(members)
        groups[name] = least, members
    logs, witnesses, named = *keys.values(), len(groups) - sum(map(len, keys.values()))
    small = len(logs) <= 1024 and len(witnesses) <= 64 and named <= 129
    ok("at most 1024 keys of logs, 64 witnesses, 128 groups; one quorum", small and quorums)
    return logs, witnesses, groups, quorums[0]


def read_archive(data):
    files, central, at, last = {}, bytearray(), 0, ""
    while data[at : at + 4] == b"PK\3\4":
        size, length = struct.unpack_from("<L4xH", data, at + 18)
        begin, end = at + 30 + length, at + 30 + length + size
        name, content = data[at + 30 : begin].decode("ascii"), data[begin:end]
        header = struct.pack("<5H3L2H", 10, 0, 0, 0, 33, crc32(content), size, size, length, 0)
        form = data[at + 4 : at + 30] == header and PLACED.fullmatch(name) and name > last
        ok(f"a file in its form, place and order: {name[:80]}", form)
        central += b"PK\1\2\x14\0" + header + struct.pack("<3H2L", 0, 0, 0, 0, at) + name.encode()
        files[name], at, last = content, end, name
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(files), len(files), len(central), at, 0)
    ok("an archive in its one form, a gibibyte at most", data[at:] == central + end and at < 2**30)
    return files


def read_entry(data):
    line, cut, action_bytes = data.partition(b"\n")
    ok("an entry of two lines, of at most 65,535 bytes", cut and len(data) < 65536)
    seal, signed, leaf = read_json(line), [], sha256(b"\0" + action_bytes).digest()
    if type(seal) is dict and type(seal.get("v")) is int and seal["v"] > 1:
        raise Refused("of version 1: take a newer verify.py", "1", f"{seal['v']}", "indeterminate")
    ok("a full seal", SEAL.fullmatch(line.decode()))
    datetime.strptime(seal["recorded_at"], "%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: DTZ007 - the form only
    action = read_json(action_bytes)
    ok("of its seal", [action["stream"], action["type"]], [seal["stream"], seal["type"]])
    for sig in seal["sigs"]:
        path = [unbase64(text, 32) for text in sig["path"]]
        root = root_by_path(sig["at"], sig["size"], leaf, path)
        text = f"pal/actions/v1\n{sig['size']}\n{b2a_base64(root).decode()}"
        signed.append((sig["key"], text, unbase64(sig["sig"], 64)))
    return {**seal, "action": action, "leaf": sha256(b"\0" + data).hexdigest(), "signed": signed}


class Bundle:  # the steps of docs/formats/evidence.md; each leaves what later ones need
    def __init__(self, data, pinned=""):
        self.data, self.pinned, self.steps, self.findings = data, pinned, [], []
        self.manifest, self.nodes, self.keys, self.revoked, self.heads = {}, {}, {}, {}, {}
        self.cosigned, self.not_checked = {}, []

    def run(self):
        steps = [step for name, step in vars(Bundle).items() if name.startswith("check_")]
        for number, step in enumerate(steps, 1):
            self.count, self.where, self.verdict = 0, "", "passed"
            try:
                step(self)
            except Exception as error:  # noqa: BLE001 - whatever cannot be read does not hold
                unread = "readable, or genuine", "", repr(error), "failed"
                self.known(False, *(error.args if isinstance(error, Refused) else unread))
                return self.verdict
            finally:
                if self.count or self.verdict != "passed":
                    self.steps.append((number, step.__doc__[:-1], self.count, self.verdict))
        return "indeterminate" if self.findings else "passed"

    def known(self, condition, what, expected="", actual="", verdict="indeterminate"):
        """What cannot be known does not end the steps: a later one may still fail."""
        if not condition:
            told = {"this is not": what, "expected": expected, "actual": actual}
            self.findings.append({"verdict": verdict, "where": self.where, **told})
            self.verdict = verdict

    def file(self, path):
        self.where = path
        return self.files[path]

    def check_files(self):
        """Files are those of the manifest."""
        self.files = read_archive(self.data)
        found = read_json(self.file("manifest.json"))
        listed, refs, scope, signer = map(found.get, ("files", "as_of", "scope", "signer"))
        logs, origins = [ref["log"] for ref in refs], [ref["origin"] for ref in refs]
        numbers = [found["v"], found["logs"], signer["log"], *logs, *(ref["size"] for ref in refs)]
        numbers += [found["counts"][folder] for folder in FOLDERS]
        texts = [scope["kind"], scope[scope["kind"]], signer["key"], *origins]
        texts += ["-" + scope.get(key, "") for key in ("from_at", "to_at")]
        texts += [found[key] for key in ("ledger", "purpose", "completeness", "sealed_at")]
        texts += [found.get(key, "-") for key in ("decision_no", "requester")] + found["not_shown"]
        told = canonical([numbers, texts, [ref["root"] for ref in refs] + [*listed.values()]])
        form = rf'\[\[1(,{N})+\],\["(dossier|officer|query)"(,{TEXT})+\],\[("{HEX}",?)+\]\]'
        form = re.fullmatch(form, told) and logs == sorted({*logs})
        ok("a manifest", form and logs[-1] < found["logs"])
        self.manifest, self.ledger, self.logs = found, found["ledger"], found["logs"]
        odd = (UNLISTED | {*listed}) ^ {*self.files} | UNLISTED & {*listed}
        ok("the same in manifest and archive", sorted(odd)[:5], [])
        for self.count, (path, expected) in enumerate(sorted(listed.items()), 1):
            ok("the file of the manifest", sha256(self.file(path)).hexdigest(), expected)

    def check_entries(self):
        """Entries well-formed, in their places."""
        for path in self.files:
            folder, text = PLACED.fullmatch(path).groups()[:2]
            if folder:
                entry, place = read_entry(self.file(path)), tuple(map(int, text.split("/")))
                ok("of this place", f"{entry['origin']}/{entry['index']}", f"{self.ledger}/{text}")
                ok("in one folder alone", place not in self.nodes)
                self.nodes[place] = {**entry, "log": place[0], "folder": folder}
                self.count += 1
        redacted, last = read_json(self.file("redactions.json")), (-1, 0)
        ok("redactions of version 1", canonical(redacted["v"]), "1")
        for item in redacted["redactions"]:
            place = item["log"], item["index"]
            form = REDACTION.fullmatch(canonical(item)) and last < place not in self.nodes
            ok(f"a redaction, in order, of an entry not shown: {place}", form)
            self.nodes[place], last = {**item, "folder": "redacted"}, place
        self.nodes = dict(sorted(self.nodes.items()))
        found, told = [node["folder"] for node in self.nodes.values()], self.manifest["counts"]
        ok("as many as told", [*map(found.count, FOLDERS)], [*map(told.get, FOLDERS)])

    def check_signatures(self):
        """Signatures of officers and systems."""
        seen = set()
        for (log, index), node in self.nodes.items():
            self.where = f"log {log} index {index}"
            ok("of a log that shows its genesis", "action" in self.nodes.get((log, 0), ()))
            own, kind = node["stream"] == f"ledger:{self.ledger}/{log}", node.get("type")
            data = node.get("action", {}).get("data")
            if index == 0 or kind == GENESIS:
                said = [own, index, kind, data["name"], data["log"], data["logs"]]
                ok("this log's genesis", said, [True, 0, GENESIS, self.ledger, log, self.logs])
            if own and kind == REVOKED:
                self.revoked.setdefault((log, data["key_id"]), index)
            added = [data["key"]] if own and kind == ENROLLED else ()
            for key in data["keys"] if kind == GENESIS else added:
                form = '{"alg":"Ed25519","id":".*","public":"[^"]*","role":"(ledger|source)"}'
                ok("a key", len(key) == 4 and re.fullmatch(form, canonical(key)))
                new = key, Key(node["origin"], b"\1" + unbase64(key["public"], 32)), index or -1
                ok("the one key of its id", key, self.keys.setdefault((log, key["id"]), new)[0])
            for name, *signed in node.get("signed", ()):
                told, key, since = self.keys.get((log, name), NOBODY)
                valid = since < index <= self.revoked.get((log, name), index)
                ok(f"of a key valid here: {name}", valid and (told["role"] == "ledger" or not own))
                ok("signed by it", (once := (key.public, *signed)) in seen or key.verify(*signed))
                seen.add(once)
        self.count = len(seen)

    def check_chain(self):
        """Links of the log and of the streams."""
        ends = {}  # of the log and of each stream: how long it is, and its last leaf
        for (log, index), node in self.nodes.items():
            stream, version = (log, node["stream"]), node["version"]
            self.where = f"{node['stream']} version {version}, index {index}"
            for field, chain, at in (("prev", log, index), ("stream_prev", stream, version - 1)):
                size, leaf = ends.get(chain, (0, "0" * 64))
                ok("a version that grows with the index", size <= at)
                if size == at and "action" in node:
                    ok(f"linked by {field}", node[field], leaf)
                    self.count += 1
                ends[chain] = at + 1, node["leaf"]

    def check_proofs(self):
        """The log holds them all."""
        refs = {ref["log"]: ref for ref in self.manifest["as_of"]}
        for log in (*refs, "checkpoints"):
            text, signatures = read_note(note := self.file(f"proofs/{log}/checkpoint"))
            origin, size, root, *more = text[:-1].split("\n")
            ok("the checkpoint of this log", origin, f"{self.ledger}/{log}")
            ok("a checkpoint", all(more) and re.fullmatch(N, size))
            self.heads[log] = int(size), unbase64(root, 32), note, text, signatures
        data = self.file("proofs/checkpoints/round")
        nodes = [(*place, node["leaf"]) for place, node in self.nodes.items()]
        for log, name, leaf in (*nodes, ("checkpoints", "round", sha256(b"\0" + data).hexdigest())):
            size, root, note, *_ = self.heads[log]
            top, _, carried = self.file(f"proofs/{log}/{name}.tlog-proof").partition(b"\n\n")
            title, at, *lines = top.decode("ascii").split("\n")
            index, path = int(at[6:]), [unbase64(line, 32) for line in lines]
            form = (title, at, carried) == ("c2sp.org/tlog-proof@v1", f"index {index}", note)
            ok("a proof of this place and checkpoint", form and name in ("round", index))
            ok("a path to the root", root_by_path(index, size, bytes.fromhex(leaf), path) == root)
        found = sum(path[:7] + path[-11:] == "proofs/.tlog-proof" for path in self.files)
        ok("proofs of these entries alone", found, len(nodes) + 1)
        self.round = read_json(data)
        ok("a whole round", ROUND.fullmatch(data.decode()) and len(self.round["logs"]) == self.logs)
        ok("of the manifest's time", self.round["sealed_at"], self.manifest["sealed_at"])
        for log, logged in enumerate(self.round["logs"]):
            ok("each log in its place", logged["origin"], f"{self.ledger}/{log}")
            for said in (logged, refs[log]) if log in refs else ():
                head = f"{self.ledger}/{log}", self.heads[log][0], self.heads[log][1].hex()
                ok("this log's checkpoint", (said["origin"], said["size"], said["root"]), head)
        self.count = len(nodes) + len(refs)

    def check_checkpoints(self):
        """Checkpoints signed by the log's keys."""
        actual = sha256(data := self.file("proofs/policy.txt")).hexdigest()
        self.known(self.pinned, "pinned from outside", "a policy or fingerprint", actual)
        ok("the policy that is pinned", actual, self.pinned or actual)
        logs, witnesses, self.groups, self.quorum = read_policy(data)
        for log, (*_, text, signatures) in self.heads.items():
            own = [key for key in logs if key.label[0] == f"{self.ledger}/{log}"]
            self.where = f"checkpoint of {self.ledger}/{log}"
            self.known(own, "of a log whose key the policy names")
            pairs = [(key, *signed) for key in (*own, *witnesses) for signed in signatures]
            found = [(k, k.verify(text, blob)) for k, label, blob in pairs if k.label == label]
            ok("signed by every key of the log", {*own} <= {key for key, _ in found})
            checked = {key for key, sure in found if sure}
            self.known(checked.intersection(own) or not own, "signed in a way that is checked here")
            self.count += len(checked.intersection(own))
            self.cosigned[self.where] = checked.difference(own)
            self.not_checked += [f"ML-DSA-44, {self.where}" for _, sure in found if not sure]
        self.not_checked += [f"timestamp {p}" for p in self.files if p.endswith("/checkpoint.tsr")]

    def check_witnesses(self):
        """Witnesses of the checkpoints."""
        asked = self.cosigned if self.quorum != "none" else {}
        self.not_checked += [] if asked else ["witnesses: the policy asks for none"]
        for self.where, keys in asked.items():
            reached, names = {key.public for key in keys}, ", ".join(key.label[0] for key in keys)
            for name, (least, members) in self.groups.items():
                reached |= {name} if len(reached.intersection(members)) >= least else set()
            self.known(self.quorum in reached, "witnessed", self.quorum, names or "none")
            self.count += len(keys)

    def check_completeness(self):
        """Complete as the scope says."""
        scope = self.manifest["scope"]
        own = [node for node in self.nodes.values() if node["folder"] != "registry"]
        for node in (node for node in own if node["folder"] == "redacted"):
            origin, at, leaf = f"{self.ledger}/{node['log']}", node["index"], node["leaf"]
            self.where, hidden = f"{origin} {at}", {"index": at, "leaf": leaf, "origin": origin}
            action = self.nodes[node["approval"]["log"], node["approval"]["index"]]["action"]
            data, actor, asked = action["data"], action["actor"], action["data"]["requested_by"]
            people = "", actor["id"], actor.get("on_behalf_of", "")
            named = canonical(hidden) in map(canonical, data["entries"])  # to Python, 1 == true
            said = [action["type"], data["reason"], named]
            ok("the approval", said, ["inspection.redaction_approved.v1", node["reason"], True])
            two = asked not in people and "".join((asked, *people))  # all of them texts
            ok("approved by another person", two and actor["kind"] in ("officer", "auditor"))
            self.count += 1
        logs = self.round["logs"] if scope["kind"] == "officer" else []
        found = sum("/officer." in path and path.startswith("proofs/") for path in self.files)
        ok("two officer files for each log", found, 2 * len(logs))
        if scope["kind"] == "dossier":
            stream = "dossier:" + quote(scope["dossier"], safe="/")
            for version, node in enumerate(own, 1):
                ok("without gap or other", (node["stream"], node["version"]), (stream, version))
                self.count += 1
            ok("with an entry of the dossier", own)
        for log, logged in enumerate(logs):
            leaves = iter(self.officer_leaves(log, logged))  # each `in` goes on behind the last one
            for node in (node for node in own if node["log"] == log):
                ok(f"counted by the officer index: {node['index']}", node["leaf"] in leaves)
                if "action" in node:
                    actor, when = node["action"]["actor"], node["action"]["occurred_at"]["at"]
                    within = scope.get("from_at", "") <= when <= (scope.get("to_at") or "~")
                    said = [within, actor["kind"], actor["id"]]
                    ok("of officer and period", said, [True, "officer", scope["officer"]])
            self.count += 1

    def officer_leaves(self, log, logged):  # the leaf hashes of all entries of the officer
        proof = read_json(self.file(f"proofs/{log}/officer.json"))
        officer, size, places = self.manifest["scope"]["officer"], logged["officers"], []
        told = {key: logged[key] for key in ("officers", "origin", "size")}
        told = {**told, "leaves": proof["leaves"], "officer": officer, "v": 1}
        ok("a proof of this officer in this log", canonical(proof), canonical(told))
        for leaf in proof["leaves"]:
            text = "pal/officer/v1\n{officer}\n{count}\n{root}\n".format(**leaf).encode()
            ok("a leaf of the officer index", re.fullmatch(LEAF, canonical(leaf)))
            path = [bytes.fromhex(value) for value in leaf["path"]]
            root = root_by_path(leaf["position"], size, sha256(b"\0" + text).digest(), path).hex()
            ok("under the root of the round", root, logged["officers_root"])
            places.append((leaf["position"], leaf["officer"]))
        lines = self.file(f"proofs/{log}/officer.leaves").decode("ascii")
        leaves = re.fullmatch(f"({HEX}\n)*", lines)[0].split()
        found = [len(leaves), root_of([*map(bytes.fromhex, leaves)]).hex()]
        if [name for _, name in places] == [officer]:
            ok("as many entries, under one root", found, [leaf["count"], leaf["root"]])
        else:  # absent: the leaves are the neighbours of the place where the officer would stand
            place = next((at for at, name in places if name > officer), size)
            beside = [(at, at < place) for at in (place - 1, place) if 0 <= at < size]
            ok("a proof of absence", [(at, name < officer) for at, name in places], beside)
            ok("without entries", found[0] == 0 and (size or logged["officers_root"] == found[1]))
        return leaves

    def check_manifest(self):
        """Manifest signed by the ledger."""
        text, ((label, blob),) = read_note(self.file("manifest.note"))
        place = self.manifest["signer"]["log"], self.manifest["signer"]["key"]
        told, key, _ = self.keys.get(place, NOBODY)
        ok(f"of role ledger: {place}", told["role"] == "ledger" and place not in self.revoked)
        expected = sha256(self.files["manifest.json"]).hexdigest()
        ok("a note over this manifest", text, f"pal/evidence/v1\n{expected}\n")
        ok("signed by the signer", key.label == label and key.verify(text, blob))
        self.count += 1


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
    raise SystemExit(main())
