"""`duties`: which duties of which dossiers were kept or broken, or cannot be known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from cyclopts import Parameter

from consumers.cli.audited import free
from consumers.cli.errors import PASSED, UsageError
from consumers.cli.options import Reading
from consumers.cli.output import Column
from consumers.cli.session import view

if TYPE_CHECKING:
    from projections.queries.duties import DutyRow

COLUMNS: Final = (
    Column("dossier"),
    Column("duty"),
    Column("result"),
    Column("asks"),
    Column("why"),
    Column("versions"),
)

Wanted = Literal["broken", "indeterminate", "kept", "not_applicable", "all"]


def duties(
    *,
    duty: Annotated[str, Parameter(help="Only this duty, L1 to L24.")] = "",
    result: Annotated[Wanted, Parameter(help="Only answers with this result.")] = "broken",
    late: Annotated[
        bool, Parameter(negative="", help="Only dossiers late as at the moment.")
    ] = False,
    unit: Annotated[str, Parameter(help="Only dossiers at this unit.")] = "",
    procedure: Annotated[str, Parameter(help="Only dossiers of this procedure.")] = "",
    text: Annotated[str, Parameter(help="Only dossiers whose id contains this text.")] = "",
    reading: Reading = Reading(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """List duties that the entries of dossiers show as broken, with the entries behind.

    It is what the entries show, not a person's fault. See docs/reference/duties.md.

    Example: pal duties --duty L12 --late
    """
    from ledger.adapters.rule_files import DEFAULT_RULES  # noqa: PLC0415 - readers only
    from ledger.domain.duty_words import DUTY_WORDS  # noqa: PLC0415 - the same
    from projections.queries.dossiers import (  # noqa: PLC0415 - the same
        EVERY,
        DossierFilter,
        list_dossiers,
    )
    from projections.queries.duties import list_duties  # noqa: PLC0415 - the same

    if duty and duty not in DUTY_WORDS:
        raise UsageError(f"{duty!r} is no duty", next_step="L1 to L24: docs/reference/duties.md")
    chosen = DossierFilter(unit=unit, procedure=procedure, text=text)
    words = [f"result:{result}", *([f"duty:{duty}"] if duty else []), *(["late"] * late)]
    places = [f"unit:{unit}"] * bool(unit) + [f"procedure:{procedure}"] * bool(procedure)
    asked = " ".join(["duties", *words, *places])
    with view(reading, asked + free(text)) as shown:
        at, as_of = shown.moment.at, shown.moment.as_of
        named = None
        if late or chosen != EVERY:
            states = list_dossiers(shown.live, at=at, late=late, as_of=as_of, chosen=chosen)
            named = frozenset(state.dossier_id for state in states)
        shown.banner()
        found = list_duties(shown.live, at=at, rules=DEFAULT_RULES, as_of=as_of, dossiers=named)
        rows = (
            _row(item, reading)
            for item in found
            if result in {"all", item.found.result} and duty in {"", item.found.duty}
        )
        shown.show_rows("duties", COLUMNS, rows, " ".join(words))
    return PASSED


def _row(item: DutyRow, reading: Reading) -> dict[str, Any]:
    """Words for people, codes for machines."""
    from ledger.domain.duty_words import (  # noqa: PLC0415 - readers only
        DUTY_WORDS,
        REASON_WORDS,
        RESULT_WORDS,
    )

    found, word = item.found, 0 if reading.language == "en" else 1
    human = reading.format == "table"
    why = [REASON_WORDS[code][word] if human else code for code in found.reasons]
    return {
        "dossier": item.dossier,
        "duty": found.duty,
        "result": RESULT_WORDS[found.result][word] if human else found.result,
        "asks": DUTY_WORDS[found.duty][word],
        "why": "; ".join(why),
        "versions": " ".join(f"#{version}" for version in item.versions),
    }
