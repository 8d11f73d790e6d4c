"""A review as one Markdown comment for a pull request."""

from collections.abc import Iterator, Sequence

from headroom.review.cutting import Section, fitted
from headroom.review.document import (
    CostChange,
    EnvironmentReview,
    Finding,
    ForecastState,
    MarginChange,
    ResourceChange,
    Review,
    Severity,
    VerticalChange,
    VerticalFigures,
    WaiverState,
)
from headroom.review.markdown import block_lines, code, plain, table

MARKER = "<!-- headroom-review -->"
"""Stands first in the comment, unseen, so that the next review finds it."""
FAILED = f"""{MARKER}
## ⚪ Not judged: the review could not be made

The job's log says why. What an earlier review said here does not hold for this change.
"""
"""The comment where there is no review: an old verdict must not stand below a change that nobody judged."""
LIMIT = 65_536
"""Characters that GitHub takes in a comment."""
_SEVERITIES: dict[Severity, tuple[str, str]] = {
    "short": ("🔴", "short"),
    "unknown": ("⚪", "unknown"),
    "tighter": ("🟠", "tighter"),
    "gone": ("⚫", "gone"),
    "fine": ("🟢", "holds"),
}
"""Worst first."""
_WORST_FIRST = tuple(_SEVERITIES)
_HASH_SHOWN = 12
_WHOLE_FROM = 10
"""Differences in money from here on are shown without cents."""


def render_comment(review: Review, limit: int = LIMIT) -> str:
    """Return the comment; the same review gives the same bytes.

    At most `limit` characters: whole rows are cut, those of the details first and those of replacements, deletions and violations
    last, and each section says how many. Verdict, headings and sums are never cut.
    """
    quiet = [each for each in review.environments if each.quiet]
    loud = sorted((each for each in review.environments if not each.quiet), key=_urgency)
    also = ", with changes that are not committed" if review.uncommitted else ""
    compared = f"Compared with {code(review.base[:_HASH_SHOWN])}, at {code(review.head[:_HASH_SHOWN])}{also}."
    head = [Section((MARKER, f"## {_verdict(review)}")), *_lost_in_all(review), Section((compared,))]
    if quiet:
        names = ", ".join(f"**{plain(each.name)}** ({_counted(each.rules_run, 'rule')})" for each in quiet)
        head.append(Section((f"🟢 Checked, nothing changes: {names}",)))
    return fitted([*head, *(section for each in loud for section in _environment(each))], limit)


def _urgency(each: EnvironmentReview) -> int:
    return ("refused", "invalid", "failed", "removed", "accepted").index(each.outcome)


def _verdict(review: Review) -> str:
    said = []
    if refused := [each for each in review.environments if each.outcome == "refused"]:
        said.append(f"🔴 Refused: {_joined([_broken_rules(each) for each in refused])}")
    if unjudged := [plain(each.name) for each in review.environments if each.outcome in ("invalid", "failed")]:
        said.append(f"⚪ Not judged: {_joined(unjudged)}")
    judged = [plain(each.name) for each in review.environments if each.outcome == "accepted"]
    if not said and judged:
        said.append(f"🟢 Accepted: {_joined(judged)}; no rule is broken")
    if unseen := [plain(each.name) for each in review.environments if each.outcome == "accepted" and _unseen(each)]:
        said.append(f"⚠️ The rules on a change did not run: {_joined(unseen)}")
    return ". ".join(said) or "⚪ Nothing was judged"


def _unseen(each: EnvironmentReview) -> bool:
    """Return whether there is a base that the change could not be compared with."""
    return each.base.exists and not each.base.deployed


def _broken_rules(each: EnvironmentReview) -> str:
    rules = len({finding.rule for finding in each.violations})
    new = sum(finding.new is True for finding in each.violations)
    fresh = f", {new} new" if 0 < new < len(each.violations) else ""
    return f"{plain(each.name)} breaks {_counted(rules, 'rule')} ({_counted(len(each.violations), 'violation')}{fresh})"


def _lost_in_all(review: Review) -> Iterator[Section]:
    """Yield the line that says what is lost, wherever: nobody must open a fold or scroll for it."""
    operations = [change.operation for each in review.environments for change in each.changes]
    replaced, deleted = operations.count("replace"), operations.count("delete")
    removed = [plain(each.name) for each in review.environments if each.outcome == "removed"]
    said = [_counted(number, noun) for number, noun in ((replaced, "replacement"), (deleted, "deletion")) if number]
    said += [f"removed: {_joined(removed)}"] if removed else []
    if said:
        yield Section((f"⚠️ **{_joined(said)}**",))


def _environment(each: EnvironmentReview) -> Iterator[Section]:
    yield Section((_heading(each),))
    if each.outcome == "removed":
        destroy = code(f"headroom destroy {each.name}")
        yield Section((f"What it deployed keeps running until {destroy} is run at a commit that has it.",))
    if each.trouble:
        yield _words(f"what {plain(each.name)} ended with", each.trouble)
    if each.base.trouble:
        step, blind = ("deployed", "would be replaced or deleted") if each.base.planned else ("planned", "was before")
        yield Section((f"Base could not be {step}, so what {blind} is not known, and no rule on a change ran:",))
        yield _words("what base ended with", each.base.trouble)
    if each.outcome == "refused" and not each.previewed:
        yield Section(("Refused before anything was registered: what would be replaced or deleted is not known.",))
    lost = [change for change in each.changes if change.operation in ("replace", "delete")]
    sections = (_violations(each.violations), _lost(lost), _waivers(each.waivers), _verticals(each))
    yield from (section for section in sections if section.rows)
    if each.margins:
        yield Section((f"**Margins**: {', '.join(map(_margin, each.margins))}",))
    yield from _costs(each)
    if each.forecast is not None:
        yield Section((_forecast(each.forecast, known=each.base.exists),))
    if others := [change for change in each.changes if change.operation in ("create", "update")]:
        yield _others(others, each.unchanged)


def _heading(each: EnvironmentReview) -> str:
    icon = {"accepted": "🟢", "refused": "🔴", "removed": "⚫"}.get(each.outcome, "⚪")
    word = {"invalid": "spec or lock cannot be used", "failed": "could not be judged", "removed": "removed by this change"}
    new = "" if each.base.exists else " (new)"
    ran = f", {_counted(each.rules_run, 'rule')} ran" if each.rules_run else ""
    day = f", judged on {each.as_of}" if each.as_of else ""
    return f"### {icon} {plain(each.name)}{new}: {word.get(each.outcome, each.outcome)}{ran}{day}"


def _words(name: str, text: str) -> Section:
    return Section(("<pre>",), name, 3, tuple(block_lines(text)), ("</pre>",))


def _violations(violations: Sequence[Finding]) -> Section:
    ordered = sorted(violations, key=lambda finding: finding.new is False)
    standing = {True: "**new**", False: "at base too", None: "base unknown"}
    rows = (
        (standing[each.new], code(each.rule), code(each.resource), plain(each.message), plain(each.remedy)) for each in ordered
    )
    opening, ruler, *lines = table(("", "rule", "resource", "why", "remedy"), rows, text_columns=5)
    return Section((opening, ruler), "violations", 0, tuple(lines))


def _lost(changes: Sequence[ResourceChange]) -> Section:
    ordered = sorted(changes, key=lambda change: (change.operation != "delete", change.resource))
    icons = {"delete": "🗑️ deleted", "replace": "♻️ replaced"}
    rows = (
        (icons[each.operation], code(each.resource), code(each.type), ", ".join(map(code, each.properties)) or _unforced(each))
        for each in ordered
    )
    opening, ruler, *lines = table(("", "resource", "type", "forced by"), rows, text_columns=4)
    return Section((opening, ruler), "replacements and deletions", 0, tuple(lines))


def _unforced(change: ResourceChange) -> str:
    return "no longer in the program" if change.operation == "delete" else "the engine names no property"


def _waivers(waivers: Sequence[WaiverState]) -> Section:
    ordered = sorted(waivers, key=lambda waiver: (waiver.days_left, waiver.rule, waiver.resource))
    rows = ((str(each.days_left), str(each.until), code(each.rule), code(each.resource), plain(each.reason)) for each in ordered)
    opening, ruler, *lines = table(("days left", "until", "waived rule", "resource", "reason"), rows, text_columns=5)
    return Section((opening, ruler), "waivers", 1, tuple(lines))


def _verticals(each: EnvironmentReview) -> Section:
    ordered = sorted(each.verticals, key=lambda row: (_WORST_FIRST.index(row.severity), row.name))
    rows = (_vertical(row, fresh=row.before is None and each.base.exists and each.base.planned) for row in ordered)
    opening, ruler, *lines = table(("", "vertical", "required", "safe ceiling", "headroom", "bound by"), rows, text_columns=2)
    return Section((opening, ruler), "verticals", 2, tuple(lines))


def _vertical(row: VerticalChange, *, fresh: bool) -> tuple[str, ...]:
    before, after = row.before or _NOTHING, row.after or _NOTHING
    name = plain(row.name) + (" (not in base)" if fresh else "")
    cells: tuple[str, ...]
    if row.after is None:
        cells = (_sessions(before.required), _sessions(before.safe_ceiling), _share(before.headroom), plain(before.binding or ""))
    else:
        pairs = ((_sessions, "required"), (_sessions, "safe_ceiling"), (_share, "headroom"))
        known = row.before is not None
        cells = tuple(_pair(show(getattr(before, field)), show(getattr(after, field)), known=known) for show, field in pairs)
        cells += (_pair(plain(before.binding or "unknown"), plain(after.binding or "unknown"), known=known),)
    return (" ".join(_SEVERITIES[row.severity]), name, *cells)


def _margin(margin: MarginChange) -> str:
    before, after = ("none" if figure is None else f"{figure:g}" for figure in (margin.before, margin.after))
    return f"{plain(margin.name.replace('_', ' '))} {before} → {after}"


_NOTHING = VerticalFigures(required=None, safe_ceiling=None, headroom=None, binding=None)


def _pair(before: str, after: str, *, known: bool) -> str:
    return after if not known or before == after else f"{before} → {after}"


def _costs(each: EnvironmentReview) -> Iterator[Section]:
    """Yield the sum, which is never cut, and the parts that differ."""
    if not each.costs:
        return
    *parts, whole = each.costs
    kept = each.base.exists and whole.state == "kept"
    unpriced = ", ".join(plain(part.name) for part in parts if part.state != "gone" and part.after is None)
    differs = _difference(whole) if kept and whole.before != whole.after else ""
    about = f"a price is missing for {unpriced}" if unpriced else differs
    sums = _pair(_money(whole.before), _money(whole.after), known=kept)
    yield Section((f"**Cost a month**: {sums} {plain(each.currency)}" + (f" ({about})" if about else ""),))
    if changed := [part for part in parts if part.changed]:
        opening, ruler, *lines = table(("part", "before", "after", "difference"), map(_cost, changed))
        same = len(parts) - len(changed)
        unchanged = (f"| {_counted(same, 'part')} unchanged | | | |",) if same else ()
        yield Section((opening, ruler), "costs", 3, tuple(lines), unchanged)


def _cost(part: CostChange) -> tuple[str, ...]:
    name = plain(part.name) + {"new": " (not in base)", "gone": " (gone)", "kept": ""}[part.state]
    before = "-" if part.state == "new" else _money(part.before)
    after = "-" if part.state == "gone" else _money(part.after)
    return (name, before, after, _difference(part))


def _difference(cost: CostChange) -> str:
    before = 0.0 if cost.state == "new" else cost.before
    after = 0.0 if cost.state == "gone" else cost.after
    if before is None or after is None:
        return "unknown"
    share = f", {(after - before) / before:+.1%}" if before else ""
    return f"{after - before:+,.{0 if abs(after - before) >= _WHOLE_FROM else 2}f}{share}"


def _forecast(state: ForecastState, *, known: bool) -> str:
    dates = f"data to {state.data_end} ({_counted(state.age_days, 'day')} old), valid to {state.valid_until}"
    changed = {
        True: "**another lock than base's**",
        False: "base's lock",
        None: "base's lock is not known" if known else "a new lock",
    }[state.changed]
    held = ", ".join(f"{plain(each.vertical)} {each.held} of {each.origins}" for each in state.coverage)
    coverage = f"Weeks in which it held: {held}." if held else "It was never compared with what came."
    return f"**Forecast**: {plain(state.kind)}, {dates}; {changed}. {coverage}"


def _others(changes: Sequence[ResourceChange], unchanged: int) -> Section:
    icons = {"create": "created", "update": "updated"}
    rows = (
        (icons[each.operation], code(each.resource), code(each.type), ", ".join(map(code, each.properties)))
        for each in sorted(changes, key=lambda change: (change.operation, change.resource))
    )
    created = sum(change.operation == "create" for change in changes)
    title = f"{created} created, {len(changes) - created} updated, {unchanged} unchanged"
    opening, ruler, *lines = table(("", "resource", "type", "properties"), rows, text_columns=4)
    head = f"<details><summary>{title}</summary>"
    return Section((head, "", opening, ruler), "details", 4, tuple(lines), ("", "</details>"))


def _sessions(figure: float | None) -> str:
    return "unknown" if figure is None else f"{figure:,.0f}"


def _share(figure: float | None) -> str:
    return "unknown" if figure is None else f"{figure:+.0%}"


def _money(amount: float | None) -> str:
    return "unknown" if amount is None else f"{amount:,.0f}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _joined(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
