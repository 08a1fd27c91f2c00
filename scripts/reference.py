#!/usr/bin/env python3
"""Write docs/reference/events.md and duties.md from the types, predicates and words in the code.

.venv/bin/python scripts/reference.py            writes the pages
.venv/bin/python scripts/reference.py --check    exit code 1 where one is not up to date
"""

from __future__ import annotations

import argparse
import json
import sys
from inspect import getdoc
from pathlib import Path

from msgspec import inspect

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ledger.core.action import decode_action
from ledger.domain import fields
from ledger.domain.duties import DUTIES
from ledger.domain.duty_words import DUTY_WORDS, REASON_WORDS
from ledger.domain.events import CATALOGUE, PERSONAL_FIELDS
from ledger.domain.phrases import SENTENCES

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"
EXAMPLES = ROOT / "tests" / "vectors" / "event_examples.jsonl"

INTRODUCTION = f"""# Event types

Made by `scripts/reference.py` from the code; a test holds it up to date. Each type has a number of
the catalogue, the fields of `data`, one sentence in English and in Vietnamese, and an example. The
whole bytes of each example stand in `tests/vectors/event_examples.jsonl`, one action a line.

A type that was recorded once keeps its name and meaning for ever. It may gain fields that can be
left out; anything else is a new type, `.v2`.

A field that is not known is left out, never null. In every type of kind dossier, `imported` keeps
what a mapped import came from. Fields that end in `_at` are instants in UTC with six decimals,
those in `_on` dates; both lie in the years {fields.FIRST_YEAR} to {fields.LAST_YEAR}. Amounts are
whole đồng. What is refused, and what is recorded as the breach of a duty instead, stands in
[refusals.md](refusals.md).
"""


def scalar_text(kind: inspect.Type) -> str:
    """The type of a single value in words."""
    match kind:
        case inspect.LiteralType(values=values):
            text = ", ".join(f"`{value}`" for value in values if value != "")
        case inspect.StrType(pattern=str(pattern)):
            text = "SHA-256, hex" if "{64}" in pattern else "`HH:MM`, local"
        case inspect.StrType(min_length=least, max_length=int(most)):
            text = f"text of {least or 0} to {most} characters"
        case inspect.StrType():
            text = "text"
        case inspect.BoolType():
            text = "true or false"
        case inspect.IntType(ge=0):
            text = "whole number, not negative"
        case inspect.IntType():
            text = "whole number"
        case _:
            msg = f"no words for {kind}"
            raise TypeError(msg)
    return text


DUTIES_INTRODUCTION = """# Duties

Made by `scripts/reference.py` from the code; a test holds it up to date. `pal dossier show` answers
each duty of a dossier from its entries, from the registry as it was known, and from the rule set:
**kept**, **broken**, **not applicable** (yet), or **cannot be known**. Each answer names the
entries behind it (`--format json` lists all of them). It is what the entries show, not a person's
fault, and it is made for a moment: the same entries, registry, rules and moment give the same
answers.

Nothing is broken because something cannot be known. A foreign log leaves things out: what it does
not show is never held against anybody. Time in which systems did not work (E66) is taken out. A
year outside the calendar, an unknown rule set, an officer whom nobody registered, a procedure
without published fees: cannot be known.

A duty with several occasions (two supplements, four hand-overs) has the worst of its answers.
"""


def duties() -> str:
    """The page of the duties: words in both languages, and what the predicate says of itself."""
    lines = [DUTIES_INTRODUCTION, "| | Duty | Nghĩa vụ | What is checked |", "|---|---|---|---|"]
    for duty, check in DUTIES.items():
        english, vietnamese = DUTY_WORDS[duty]
        told = " ".join((getdoc(check) or "").split()).partition(": ")[2]
        told = told[:1].upper() + told[1:]
        lines.append(f"| {duty} | {english} | {vietnamese} | {told} |")
    lines += ["", "## Reasons", "", "| Code | English | Vietnamese |", "|---|---|---|"]
    lines += [f"| `{code}` | {en} | {vi} |" for code, (en, vi) in sorted(REASON_WORDS.items())]
    return "\n".join(lines) + "\n"


def type_text(kind: inspect.Type) -> str:
    """A field's type in words."""
    match kind:
        case inspect.Metadata(type=inspect.StrType(), extra={"form": str(form)}):
            text = form
        case inspect.Metadata(type=inner):
            text = type_text(inner)
        case inspect.UnionType(types=types):
            text = " or ".join(map(type_text, types))
        case inspect.VarTupleType(item_type=item):
            text = f"list of {type_text(item)}"
        case inspect.TupleType(item_types=items):
            text = f"[{', '.join(map(type_text, items))}]"
        case inspect.StructType(cls=cls) if cls is fields.Sealed:
            text = "sealed"
        case inspect.StructType(fields=inner):
            text = "{" + ", ".join(f"{f.encode_name}: {type_text(f.type)}" for f in inner) + "}"
        case _:
            text = scalar_text(kind)
    return text


def struct_fields(struct: type[fields.EventData]) -> tuple[inspect.Field, ...]:
    """The fields of a type's data."""
    match inspect.type_info(struct):
        case inspect.StructType(fields=found):
            return found
    return ()


def described(number: str, name: str, struct: type[fields.EventData], example: str) -> str:
    """The section of one type."""
    personal = PERSONAL_FIELDS.get(name, ())
    told = (getdoc(struct) or "").removeprefix(f"{number}: ")
    told = told[:1].upper() + told[1:]
    lines = [f"## {number} `{name}`" if number != "log" else f"## `{name}`", "", told, ""]
    rows = [field for field in struct_fields(struct) if field.encode_name != "imported"]
    if rows:
        lines += ["| field | what it holds | needed | personal |", "|---|---|---|---|"]
    for field in rows:
        needed = "yes" if field.required else ""
        sealed = "yes, sealed" if field.encode_name in personal else ""
        lines.append(f"| `{field.encode_name}` | {type_text(field.type)} | {needed} | {sealed} |")
    phrase = SENTENCES[name]
    lines += [""] * bool(rows)
    lines += [f"- English: {phrase.en}", f"- Vietnamese: {phrase.vi}", ""]
    return "\n".join([*lines, "```json", example, "```", ""])


def examples() -> dict[str, str]:
    """The data of the first example of each type, as JSON."""
    found: dict[str, str] = {}
    for line in EXAMPLES.read_bytes().splitlines():
        action = decode_action(line)
        found.setdefault(action.type, json.dumps(action.data, ensure_ascii=False))
    return found


def reference() -> str:
    """The page of the event types."""
    shown = examples()
    sections = [described(number, name, struct, shown[name]) for number, name, struct in CATALOGUE]
    return "\n".join([INTRODUCTION, *sections])


def main() -> int:
    """Write or check the pages; gives the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    check = parser.parse_args().check
    old = []
    for name, page in (("events.md", reference()), ("duties.md", duties())):
        path = FOLDER / name
        if not path.is_file() or path.read_text(encoding="utf-8") != page:
            old.append(name)
        if not check:
            FOLDER.mkdir(parents=True, exist_ok=True)
            path.write_text(page, encoding="utf-8")
    if check and old:
        print(f"run scripts/reference.py: {', '.join(old)}")
        return 1
    print("up to date" if check else f"written, changed: {', '.join(old) or 'nothing'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
