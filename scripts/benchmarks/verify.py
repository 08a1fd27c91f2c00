"""Verify a million entries: links and root, a tile tree, signatures apart, all of it; JSON.

    python scripts/benchmarks/verify.py [--entries 1000000] [--submission 50] [--folder DIR]

The entries lie in a SQLite log and in the entry bundles of a published tree beside it: local files,
read warm. `bare` reads the bundles and hashes each entry, and does nothing else; the others are
ratios of it. `links` is hash, index, prev and root from the bundles; `tree` is every bundle and
tile of every level against the root; both by one process and by two, each reading its own half.
`full` is what `pal verify` does with the log, as many processes as cores, and `full_one` the same
in this one. `signatures` are counted by themselves: one a submission, so that the rate of entries
is that times the size of a submission. Processor time is what counts on a machine that does other
work too.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from hashlib import sha256
from pathlib import Path
from time import perf_counter

import msgspec

sys.path.insert(0, str(Path(__file__).parent))
from append_sqlite import make_submissions, open_log

from ledger.adapters import verify_process
from ledger.adapters.sqlite_verify import verify_file
from ledger.adapters.tile_folder import TileFolder
from ledger.adapters.verify_process import Bundles, Request, Task, verify_tasks
from ledger.app.limits import READ_RECORDS_MAX
from ledger.core.chain import EMPTY_HEAD, Head
from ledger.core.findings import Verdict
from ledger.core.merkle import leaf_hash
from ledger.core.tiles import ENTRIES, WIDTH_MAX, GrowingTree, Tile, encode_bundle, width_at
from ledger.entry.entry import Signature, decode_entry
from ledger.entry.links import LinkChecker
from ledger.entry.signatures import KeyRing
from ledger.entry.tile_check import TreeCheck
from ledger.entry.tile_descent import read_bundle
from ledger.entry.together import read_together
from ledger.entry.verify import Verifier

GROUP = 40
SIGNATURES = 5_000


class Tree(msgspec.Struct, frozen=True):
    """A published tree: where it lies, of which log, and where it leads."""

    path: Path
    origin: str
    size: int
    head: Head
    root: bytes

    def entries(self, first: int, end: int) -> Iterator[list[bytes]]:
        """The entries of bundles from number `first` up to `end`, bundle by bundle."""
        folder = TileFolder(self.path)
        for number in range(first, end):
            yield read_bundle(folder.read, number, self.size)[0]


def make_log(folder: Path, entries: int, submission: int) -> Tree:
    """A log of so many entries, and its tree, written without syncing."""
    log = open_log(folder, "verify")
    for first in range(0, entries, submission * GROUP):
        count = min(GROUP, (entries - first) // submission)
        log.submit(make_submissions(count, submission, first))
    tree, waiting, position = GrowingTree(), list[bytes](), 0
    path = folder / "tree"

    def write(tile: Tile, data: bytes) -> None:
        file = path / tile.path()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    while records := log.read(position, READ_RECORDS_MAX):
        position += len(records)
        for record in records:
            waiting.append(record.data or b"")
            for full in tree.append(leaf_hash(waiting[-1])):
                write(*full)
            if len(waiting) == WIDTH_MAX:
                number = tree.size // WIDTH_MAX - 1
                write(Tile(ENTRIES, number, WIDTH_MAX), encode_bundle(waiting))
                waiting.clear()
    number = tree.size // WIDTH_MAX
    for partial in tree.partial_tiles():
        write(*partial)
    if waiting:
        write(Tile(ENTRIES, number, width_at(0, number, tree.size)), encode_bundle(waiting))
    made = Tree(path, log.origin, tree.size, log.head(), tree.root())
    log.close()
    return made


def links_of(tree: Tree, first: int, end: int, start: Head) -> LinkChecker:
    """The links and subtrees of some bundles behind a head."""
    checker, folder = LinkChecker(tree.origin, start=start), TileFolder(tree.path)
    for number in range(first, end):
        checker.add(folder.read(Tile(ENTRIES, number, width_at(0, number, tree.size))) or b"")
    return checker


def links(tree: Tree, processes: int) -> bool:
    """Hash, index, prev and root of everything, by so many processes."""
    bundles = -(-tree.size // WIDTH_MAX)
    if processes == 1:
        return links_of(tree, 0, bundles, EMPTY_HEAD).finish(tree.head).verdict is Verdict.PASSED
    cuts = [bundles * n // processes for n in range(processes + 1)]
    starts = [EMPTY_HEAD]
    for cut in cuts[1:-1]:
        # What the first entry of a part claims; joining compares it.
        seal = decode_entry(next(tree.entries(cut, cut + 1))[0]).seal
        starts.append(Head(seal.index, seal.prev))
    with ProcessPoolExecutor(processes) as pool:
        parts = list(pool.map(links_of, [tree] * processes, cuts[:-1], cuts[1:], starts))
    for behind in parts[1:]:
        parts[0].join(behind)
    found = parts[0].finish(tree.head)
    return found.verdict is Verdict.PASSED and found.root == tree.root.hex()


def tree_files(tree: Tree, processes: int) -> bool:
    """Every bundle and every tile against the root, by so many processes (0: this one)."""
    check = TreeCheck(TileFolder(tree.path).read, tree.origin, tree.size, tree.root)

    def tasks() -> Iterator[Task]:
        step = verify_process.PART_ENTRIES
        for first in range(0, tree.size, step):
            end = min(first + step, tree.size)
            bundles = Bundles(str(tree.path), tree.size, first, end, has_entries=False)
            yield Task(Request(bundles, tree.origin, [], []), lambda _first, _end: ())

    verify_tasks(Verifier(tree.origin), tasks(), processes, on_facts=check.add)
    return check.finish() == tree.root and not check.findings()


def bare(tree: Tree) -> bool:
    """Read and hash."""
    for entries in tree.entries(0, -(-tree.size // WIDTH_MAX)):
        for data in entries:
            sha256(data).digest()
    return True


def signatures(tree: Tree, submission: int) -> dict[str, object]:
    """Signatures a second of one thread, of submissions that were read before."""
    values = [data for entries in tree.entries(0, -(-tree.size // WIDTH_MAX)) for data in entries]
    keys, place = KeyRing(), 1
    wanted = list[tuple[Signature, bytes]]()
    keys.apply("ledger.genesis.v1", decode_entry(values[0]).action["data"])
    while place < len(values) and len(wanted) < SIGNATURES:
        together = read_together(values, place)
        if together is None:
            place += 1
            continue
        wanted.append((together.seal.sigs[0], together.root))
        place += len(together.members)
    begun = processor_seconds()
    genuine = all(keys.is_genuine(signature, root) for signature, root in wanted)
    seconds = processor_seconds() - begun
    rate = len(wanted) / seconds
    return {
        "signatures_per_second": round(rate),
        "entries_per_second_at_this_submission": round(rate * submission),
        "verified": len(wanted),
        "passed": genuine,
    }


def processor_seconds() -> float:
    """Of this process and those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def measure(count: int, check: Callable[[], bool], bare_seconds: float = 0.0) -> dict[str, object]:
    """Entries a second of one check, by the clock and by processor time."""
    begun, used = perf_counter(), processor_seconds()
    passed = check()
    wall, processor = perf_counter() - begun, processor_seconds() - used
    found: dict[str, object] = {
        "entries_per_second": round(count / wall),
        "entries_per_processor_second": round(count / processor),
        "passed": passed,
    }
    if bare_seconds:
        found["of_bare"] = round(bare_seconds / processor, 3)
    return found


def full(folder: Path, tree: Tree) -> bool:
    """As `pal verify` does it."""
    path = folder / "verify.sqlite"
    return verify_file(path, expect=tree.head).verdict is Verdict.PASSED


def in_one_process(check: Callable[[], bool]) -> bool:
    """The same without other processes."""
    before, verify_process.processes = verify_process.processes, lambda: 0
    try:
        return check()
    finally:
        verify_process.processes = before


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--submission", type=int, default=50, help="actions signed together")
    parser.add_argument("--folder", type=Path, help="where the files lie; default a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        tree = make_log(folder, options.entries, options.submission)
        size = tree.size
        used = processor_seconds()
        results: dict[str, object] = {"bare": measure(size, lambda: bare(tree))}
        bare_seconds = processor_seconds() - used
        checks: dict[str, Callable[[], bool]] = {
            "links": lambda: links(tree, 1),
            "links_two": lambda: links(tree, 2),
            "tree": lambda: tree_files(tree, 0),
            "tree_two": lambda: tree_files(tree, 2),
            "full_one": lambda: in_one_process(lambda: full(folder, tree)),
            "full": lambda: full(folder, tree),
        }
        for label, check in checks.items():
            results[label] = measure(size, check, bare_seconds)
        results["signatures"] = signatures(tree, options.submission)
        entry_bytes = sum(map(len, next(tree.entries(0, 1)))) // min(WIDTH_MAX, size)
    print(
        json.dumps(
            {
                "benchmark": "verify",
                "entries": size,
                "bytes_per_entry": entry_bytes,
                "actions_per_submission": options.submission,
                "python": platform.python_version(),
                "machine": f"{os.cpu_count()} x {platform.machine()}",
                "load_average": round(os.getloadavg()[0], 2),
                "results": results,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
