"""Every planted behaviour and innocent look-alike, in words that a stranger understands (G5).

`breaks` are the duties that a dossier with the behaviour breaks, and no other. The words are what
`pal generate --help` prints.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from consumers.generate.procedures import Kind

WORKED: Final[frozenset[Kind]] = frozenset(
    {"simple", "normal", "consultative", "field", "financial"}
)
LONG: Final[frozenset[Kind]] = frozenset({"normal", "consultative", "field", "financial"})
LATE: Final[frozenset[Kind]] = frozenset({"consultative", "field"})
BATCHED: Final[frozenset[Kind]] = frozenset({"normal", "field"})
PAID: Final[frozenset[Kind]] = frozenset({"normal", "consultative"})
CONSULTED: Final[frozenset[Kind]] = frozenset({"consultative", "financial"})


class Plant(NamedTuple):
    """One behaviour: what happens, which duties it breaks, in which kinds of procedure."""

    says: str
    breaks: tuple[str, ...] = ()
    kinds: frozenset[Kind] = WORKED


PLANTS: Final[dict[str, Plant]] = {
    "idle_stall": Plant(
        "The officer keeps it longer than the step may take, and does nothing with it.", ("L10",)
    ),
    "pass_through": Plant(
        "An officer takes it, does nothing with it, and hands it on to a colleague.", (), LONG
    ),
    "ping_pong": Plant(
        "Two officers hand it to each other and back, twice; neither does anything.", (), LONG
    ),
    "late_first_supplement": Plant(
        "More papers are asked for, for the first time, after 62 % of the legal time.", (), LATE
    ),
    "repeated_item": Plant("The same paper is asked for a second time.", ("L4",), LONG),
    "once_only_breach": Plant(
        "A paper is asked for that a look into the state's store had just found.", ("L14",), LONG
    ),
    "out_of_list_item": Plant(
        "A paper is asked for that the procedure's published list does not name.", ("L3",), LONG
    ),
    "direct_contact": Plant(
        "The officer asks the applicant directly, not through the One-Stop unit.", ("L5",), LONG
    ),
    "batch_close": Plant(
        "Six finished drafts are held back, then all signed within one minute.", (), BATCHED
    ),
    "missing_apology": Plant(
        "The due date passes, and nobody apologised in writing before it.", ("L10", "L12")
    ),
    "late_apology": Plant(
        "The due date passes, and the apology is written only afterwards.", ("L10", "L12")
    ),
    "backdating": Plant(
        "Delivered after the due date, but recorded as delivered before it.", ("L12", "L21"), LONG
    ),
    "clock_wash": Plant(
        "Withdrawn undecided and handed in again days later: the time starts afresh.", (), LONG
    ),
    "queue_jump": Plant(
        "Work on it begins at once, while one that came before it waits.", (), LONG
    ),
    "access_without_need": Plant(
        "An officer of another office, with no part in it, looks at personal data.", ()
    ),
    "nominal_responsible": Plant(
        "The head names one officer for it, and another does all the work.", (), LONG
    ),
    "no_slip": Plant("Accepted, and the applicant gets no slip that names the day.", ("L1",)),
    "slow_intake": Plant("The desk checks it days after the day for that has passed.", ("L2",)),
    "refusal_without_ground": Plant("Refused, and no legal basis is named.", ("L6",)),
    "late_transfer": Plant("Accepted, then kept at the desk for days.", ("L7",)),
    "late_assignment": Plant(
        "The unit has it, and its head names nobody to work on it for days.", ("L8", "L10")
    ),
    "one_sided": Plant("Numbered by a clerk to whom it was offered, who never took it.", ("L9",)),
    "consulted_without_day": Plant(
        "Another agency must be asked, and is given no day to reply by.", ("L11",), CONSULTED
    ),
    "extension_without_basis": Plant(
        "The due date is moved, with an apology, but without a legal basis.", ("L13",), LONG
    ),
    "not_digitised": Plant("Papers handed in at the desk are never scanned.", ("L15",)),
    "wrong_fee": Plant("More is asked for than the published fee.", ("L16",), PAID),
    "stop_without_decision": Plant("Stopped, and no decision is named.", ("L17",), LONG),
    "signed_without_power": Plant("Signed by a colleague who may not sign.", ("L18",)),
    "numbered_by_officer": Plant("Number and seal by the officer who drafted it.", ("L19",)),
    "no_proof": Plant("Delivered, and nothing proves that the applicant has it.", ("L20",)),
    "late_sync": Plant("The national portal learns of the delivery a day late.", ("L21",)),
    "late_answer": Plant("A complaint is answered weeks after its day.", ("L22",)),
    "no_archive_receipt": Plant("Handed to the archive without a receipt.", ("L24",)),
}

INNOCENT: Final[dict[str, Plant]] = {
    "overload": Plant("The officer has too much work: it waits long, in its turn, in time."),
    "hard_case_mix": Plant("This officer gets all the hard cases of the place, and looks slow."),
    "signing_session": Plant(
        "Many signatures at 15:00 of every second day, each after real work.", (), LONG
    ),
    "leave": Plant("The colleague works on it, because the officer is on registered leave."),
    "delegation": Plant("The head signs for a signatory who is away, by registered delegation."),
    "outage_bulk_sync": Plant("The portal was down, as declared; later it learns all at once."),
    "correct_rejection": Plant("Offered to the wrong unit, which rightly sends it back."),
    "conflicting_law": Plant(
        "The officer asks above; the superior says that it was needed.", (), LONG
    ),
    "extension_in_order": Plant(
        "The day is moved once, in time, with basis and apology.", (), LONG
    ),
    "silent_agency": Plant(
        "Another agency does not answer; after its day the office goes on.", (), CONSULTED
    ),
}
"""Leave, delegation, outage, overload and case mix come of the province; others are drawn."""

DRAWN_INNOCENT: Final = ("correct_rejection",)
DRAWN_LONG: Final = (*DRAWN_INNOCENT, "signing_session", "conflicting_law", "extension_in_order")


_BEFORE: Final = """A dossier is one applicant's request. It goes from the One-Stop unit (the desk
for all matters) to the head of a unit, an officer, a signatory, a clerk, and back. About one
dossier in ten carries one planted behaviour, some others a look-alike; the rest is ordinary.

"Breaks L4" names a duty of docs/reference/duties.md: a dossier breaks those that are named, and no
other. Where none is named no single rule is broken, and only the pattern shows it.
scripts/truth.py tells whether the ledger finds everything.
"""


def catalogue() -> str:
    """The words for `--help`, one behaviour a line."""
    lines = [
        _BEFORE,
        "Planted behaviours (in the truth file: name, officer, actions that show it):",
    ]
    for name, plant in PLANTS.items():
        duties = f" Breaks {', '.join(plant.breaks)}." if plant.breaks else ""
        lines.append(f"* {name}: {plant.says}{duties}")
    lines.append("\nInnocent look-alikes (nobody did wrong; in the truth file too):")
    lines += [f"* {name}: {plant.says}" for name, plant in INNOCENT.items()]
    return "\n".join(lines)
