"""tokens-cover-burst: the model's tokens a minute carry the burst of all verticals together."""

from collections.abc import Iterator

from policies.evidence import Context, usable
from policies.figures import count, counts, exceeds
from policies.margins import growth, margins
from policies.rule import Finding, Rule
from policies.stack import Stack, field


def _tokens_cover_burst(stack: Stack, context: Context) -> Iterator[Finding]:
    lock, floors, as_of = usable(context.lock), usable(context.floors), usable(context.as_of)
    kept = margins(stack, floors)
    provider = stack.the_one("headroom:model:Provider")
    each_session = max(field(provider, "tokensPerSessionMinute").number(), floors.minimum_tokens_per_session_minute)
    limit = field(provider, "tokensPerMinute").number()
    peaks = sum(load.peak for load in lock.verticals.values())
    grown = growth(lock, as_of, kept)
    tokens = peaks * kept.burst * grown * each_session
    if exceeds(tokens, limit):
        must, have = counts(tokens, limit)
        by_growth = f" x {grown:.3f} growth" if grown > 1 else ""
        message = (
            f"a burst on {as_of} takes {must} tokens a minute ({count(peaks)} sessions x {kept.burst:g} burst{by_growth} x "
            f"{count(each_session)}); the account may use {have}"
        )
        yield Finding(
            provider.name, message, f"have the limit raised to {must} tokens a minute", tokens, limit, "tokens a minute"
        )


RULES = (
    Rule(
        name="tokens-cover-burst",
        why="Beyond the account's tokens a minute the model refuses in the middle of calls, of all verticals at once.",
        check=_tokens_cover_burst,
    ),
)
