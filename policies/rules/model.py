"""tokens-cover-burst: the limits of the model's first provider carry the burst of all verticals together."""

from collections.abc import Iterator

from policies.evidence import Context, usable
from policies.figures import count, counts, exceeds
from policies.margins import growth, margins
from policies.rule import Finding, Rule, each
from policies.stack import Place, Stack, WrongField, field


def _tokens_cover_burst(stack: Stack, context: Context) -> Iterator[Finding]:
    lock, floors, as_of = usable(context.lock), usable(context.floors), usable(context.as_of)
    kept = margins(stack, floors)
    model = stack.the_one("headroom:model:Model")
    primary = field(model, "primary")
    peaks, grown = sum(load.peak for load in lock.verticals.values()), growth(lock, as_of, kept)
    by_growth = f" x {grown:.3f} growth" if grown > 1 else ""
    burst = f"a burst on {as_of} takes", f"{count(peaks)} sessions x {kept.burst:g} burst{by_growth}"

    def check(limit: tuple[str, str, float, str]) -> Iterator[Finding]:
        key, per_session, floor, unit = limit
        each_session = max(primary[per_session].number(), floor) if per_session else 1.0
        allowed, asked = primary[key].number(), peaks * kept.burst * grown * each_session
        if exceeds(asked, allowed):
            must, have = counts(asked, allowed)
            by_session = f" x {count(each_session)}" if per_session else ""
            message = f"{burst[0]} {must} {unit} ({burst[1]}{by_session}); the account may use {have}"
            yield Finding(model.name, message, f"have the limit raised to {must} {unit}", asked, allowed, unit)

    yield from each(_limits(primary, floors.minimum_tokens_per_session_minute), lambda _: model.name, check)


def _limits(primary: Place, least_tokens: float) -> Iterator[tuple[str, str, float, str]]:
    """Yield the limits of a provider's kind: where it stands, what a session takes of it and at least takes, and its unit.

    A provider whose account shows no limit is not one without: its field is missing then, and that is refused.
    """
    kind = primary["kind"].text()
    if kind == "token-limited":
        yield "tokensPerMinute", "tokensPerSessionMinute", least_tokens, "tokens a minute"
        if primary.get("requestsPerMinute") is not None:
            yield "requestsPerMinute", "requestsPerSessionMinute", 0.0, "requests a minute"
    elif kind in ("session-limited", "minute-billed"):
        yield "concurrentSessions", "", 1.0, "concurrent sessions"
    else:
        expected = "token-limited, session-limited or minute-billed"
        raise WrongField(primary.resource.name, primary["kind"].path, expected)


RULES = (
    Rule(
        name="tokens-cover-burst",
        why="Beyond the account's limits the model's provider refuses in the middle of calls, of all verticals at once.",
        check=_tokens_cover_burst,
    ),
)
