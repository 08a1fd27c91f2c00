"""`registry`: what was valid on a day of an officer, a unit or a procedure, from entries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from cyclopts import Parameter

from consumers.cli.errors import PASSED, NotFoundError
from consumers.cli.moments import parse_moment
from consumers.cli.options import Reading
from consumers.cli.output import Column
from consumers.cli.session import view
from consumers.cli.texts import text as told

if TYPE_CHECKING:
    from ledger.domain.registry import Registry

COLUMNS: Final = (Column("fact"), Column("value"), Column("entry"))

Fact = tuple[str, str, str]
Kind = Literal["officer", "unit", "procedure"]


def registry(
    kind: Kind,
    name: str,
    *,
    on: Annotated[str, Parameter(help="The day, e.g. 2026-03-02; default the moment's own.")] = "",
    reading: Reading = Reading(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Show an officer, a unit or a procedure as valid on a day.

    --on says the day that is asked about, --as-of what was known.

    Example: pal registry officer land.nguyet --on 2026-03-02
    """
    from ledger.core.times import parse_instant  # noqa: PLC0415 - readers only
    from ledger.domain.deadlines import local_date  # noqa: PLC0415 - the same
    from projections.queries.registry import registry_as_of  # noqa: PLC0415 - the same

    with view(reading, f"registry {kind} {name} on:{on}") as shown:
        at = shown.moment.at
        if on:
            at = parse_moment(on, end=False, now=parse_instant(at))
        day = local_date(at).isoformat()
        known = registry_as_of(shown.live, shown.moment.as_of)
        facts = {"officer": _officer, "unit": _unit, "procedure": _procedure}[kind]
        found = list(facts(known, name, day))
        if not found:
            raise NotFoundError(
                f"nothing is registered of {kind} {name!r} on {day}", next_step=f"pal find {name}"
            )
        shown.banner()
        human = reading.format == "table"
        rows: Iterator[dict[str, Any]] = (
            {
                "fact": told(f"fact.{fact}", reading.language) if human else fact,
                "value": value,
                "entry": entry,
            }
            for fact, value, entry in found
        )
        shown.show_rows("registry", COLUMNS, rows, f"{kind}:{name} on:{day}")
    return PASSED


def _officer(known: Registry, officer: str, on: str) -> Iterator[Fact]:
    post = known.post(officer, on)
    if post is not None:
        yield "post", f"{post.unit} · {post.post or '-'}", post.entry
    absent = known.absence(officer, on)
    if absent:
        yield "absent", on, absent
    for item in known.delegations(officer, on):
        value = f"{item.capacity} {item.on_behalf_of} · {item.from_on} – {item.to_on}"
        yield "acts_for", value, item.entry


def _unit(known: Registry, unit: str, on: str) -> Iterator[Fact]:
    then = known.unit(unit, on)
    if then is None:
        return
    for fact, value in (
        ("name", then.name),
        ("level", then.level),
        ("parent", then.parent),
        ("tasks_with", then.successor),
    ):
        if value:
            yield fact, value, then.entry


def _procedure(known: Registry, code: str, on: str) -> Iterator[Fact]:
    """The version in force, its steps, and by how much their budgets exceed its time (D15)."""
    from ledger.domain.registry import budget_excess_hours  # noqa: PLC0415 - readers only

    then = known.procedure(code, on)
    if then is None:
        return
    yield "version", str(then.version), then.entry
    yield "working_days", str(then.duration_days), then.entry
    yield "components", ", ".join(then.components) or "-", then.entry
    for fee in then.fees:
        yield "fee", f"{fee.kind} {fee.amount:,} đồng", then.entry
    steps = known.steps(code, on)
    for step in steps:
        yield "step", f"{step.step} · {step.unit or '-'} · {step.budget_hours} h", step.entry
    excess = budget_excess_hours(steps, then.duration_days)
    if excess:
        yield "budgets_over", f"{excess} h", steps[0].entry
