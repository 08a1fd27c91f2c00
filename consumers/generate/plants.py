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
        "The officer holds the dossier past the step's budget and does nothing.", ("L10",)
    ),
    "pass_through": Plant("An officer takes the dossier, does nothing, and gives it on.", (), LONG),
    "ping_pong": Plant("Two officers give it to each other and back, twice, undone.", (), LONG),
    "late_first_supplement": Plant(
        "The first supplement is asked for when most of the time has passed.", (), LATE
    ),
    "repeated_item": Plant("The same paper is asked for a second time.", ("L4",), LONG),
    "once_only_breach": Plant(
        "A paper is asked for that the state was found to hold.", ("L14",), LONG
    ),
    "out_of_list_item": Plant(
        "A paper is asked for that the procedure does not list.", ("L3",), LONG
    ),
    "direct_contact": Plant(
        "The applicant is asked directly, past the One-Stop unit.", ("L5",), LONG
    ),
    "batch_close": Plant(
        "Six dossiers wait for each other and are signed in the same minute.", (), BATCHED
    ),
    "missing_apology": Plant("It is late, and nobody apologised.", ("L10", "L12")),
    "late_apology": Plant("It is late, and the apology came after the day.", ("L10", "L12")),
    "backdating": Plant(
        "Delivered after the due date, recorded as delivered before it.", ("L12", "L21"), LONG
    ),
    "clock_wash": Plant(
        "Withdrawn undecided, handed in anew days later: the clock starts afresh.", (), LONG
    ),
    "queue_jump": Plant("Started at once while one that came before it waits.", (), LONG),
    "access_without_need": Plant("Somebody from another office looks at the dossier.", ()),
    "nominal_responsible": Plant("One officer is named, another does all the work.", (), LONG),
    "no_slip": Plant("Accepted without an appointment slip.", ("L1",)),
    "slow_intake": Plant("Checked days after the day on which it was due.", ("L2",)),
    "refusal_without_ground": Plant("Refused without a legal basis.", ("L6",)),
    "late_transfer": Plant("Accepted, then kept at the desk for days.", ("L7",)),
    "late_assignment": Plant("The unit's head names nobody for days.", ("L8", "L10")),
    "one_sided": Plant("Numbered by a clerk who never accepted it.", ("L9",)),
    "consulted_without_day": Plant(
        "A required consultation names no day to reply.", ("L11",), CONSULTED
    ),
    "extension_without_basis": Plant(
        "The due date is moved, with apology, without legal basis.", ("L13",), LONG
    ),
    "not_digitised": Plant("Papers handed in at the desk are never scanned.", ("L15",)),
    "wrong_fee": Plant("More is asked for than the published fee.", ("L16",), PAID),
    "stop_without_decision": Plant("Stopped, with no decision named.", ("L17",), LONG),
    "signed_without_power": Plant("Signed by a colleague who may not sign.", ("L18",)),
    "numbered_by_officer": Plant("Number and seal by the officer who drafted it.", ("L19",)),
    "no_proof": Plant("Delivered without proof.", ("L20",)),
    "late_sync": Plant("The portal learns of the delivery a day late.", ("L21",)),
    "late_answer": Plant("A complaint is answered weeks after its day.", ("L22",)),
    "no_archive_receipt": Plant("Handed to the archive without a receipt.", ("L24",)),
}

INNOCENT: Final[dict[str, Plant]] = {
    "overload": Plant("An officer with too much work: it waits long, in order, in time."),
    "hard_case_mix": Plant("One officer gets all the hard cases, and looks slow."),
    "signing_session": Plant("Signed in a session every second day, after real work.", (), LONG),
    "leave": Plant("The colleague stands in for an officer on registered leave."),
    "delegation": Plant("The head signs for a signatory who is away, as registered."),
    "outage_bulk_sync": Plant("The portal was down, as declared; it learns all at once."),
    "correct_rejection": Plant("Offered to the wrong unit, which sends it back rightly."),
    "conflicting_law": Plant("An opinion is asked for; the superior says: rightly.", (), LONG),
    "extension_in_order": Plant("Moved once, in time, with basis and apology.", (), LONG),
    "silent_agency": Plant("An agency does not answer; the office goes on.", (), CONSULTED),
}
"""Leave, delegation, outage, overload and case mix come of the province; others are drawn."""

DRAWN_INNOCENT: Final = ("correct_rejection",)
DRAWN_LONG: Final = (*DRAWN_INNOCENT, "signing_session", "conflicting_law", "extension_in_order")


def catalogue() -> str:
    """The words for `--help`, one behaviour a line."""
    lines = ["Planted behaviours (in the truth file: name, officer, actions):"]
    for name, plant in PLANTS.items():
        duties = f" Breaks {', '.join(plant.breaks)}." if plant.breaks else ""
        lines.append(f"* {name}: {plant.says}{duties}")
    lines.append("\nInnocent look-alikes (nobody did wrong):")
    lines += [f"* {name}: {plant.says}" for name, plant in INNOCENT.items()]
    return "\n".join(lines)
