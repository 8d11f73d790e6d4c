"""Rules on what others let us have: limits that somebody saw, and reserved capacity that exists."""

from collections.abc import Iterator
from datetime import date

from policies import documents
from policies.documents import WrongDocument
from policies.evidence import Context, usable
from policies.floors import Floors
from policies.rule import Finding, Rule, each
from policies.rules.carriers import CARRIER
from policies.stack import Place, Resource, Stack, WrongField, field

MODEL = "headroom:model:Model"
_BASES = ("measured", "declared", "assumed")
_PRODUCTS = {"OpenAI Reserved Tier": "openai", "OpenAI Scale Tier": "openai", "Azure PTU": "azure"}
"""Reserved model capacity that can be bought, and of whom (the vendors' pages, October 2026). There is no "OpenAI PTU"."""
_LIMITS = {
    "token-limited": (("tokensPerMinute", True), ("requestsPerMinute", False)),
    "session-limited": (("concurrentSessions", True), ("sessionStartsPerMinute", False)),
    "minute-billed": (("concurrentSessions", False),),
}
"""The limits of each kind of provider, and whether it must have them."""


def providers(model: Resource) -> Iterator[Place]:
    """Yield the providers of the model, the first one first."""
    yield field(model, "primary")
    yield from field(model, "fallbacks").items()


def limits_of(provider: Place) -> Iterator[tuple[str, Place]]:
    """Yield the limits of a provider's account by name, each with where it comes from."""
    kind = provider["kind"].text()
    if kind not in _LIMITS:
        raise WrongField(provider.resource.name, provider["kind"].path, "token-limited, session-limited or minute-billed")
    for name, needed in _LIMITS[kind]:
        if needed or provider.get(name) is not None:
            yield name, provider["limits"][name]
        elif (limits := provider.get("limits")) is not None and (limit := limits.get(name)) is not None:
            yield name, limit


def _limits_observed_recently(stack: Stack, context: Context) -> Iterator[Finding]:
    floors = usable(context.floors)

    def check(model: Resource) -> Iterator[Finding]:
        for provider in providers(model):
            name = provider["name"].text()
            for limit, evidence in limits_of(provider):
                yield from _is_recent(evidence, f"{limit} of {name}", floors, usable(context.as_of))
            for index, reserved in enumerate(provider.listed("reserved")):
                yield from _is_recent(reserved, f"reserved capacity {index + 1} of {name}", floors, usable(context.as_of))

    def ordered(carrier: Resource) -> Iterator[Finding]:
        for limit in ("channels", "startsPerSecond"):
            evidence = field(carrier, "limits")[limit]
            yield from _is_recent(evidence, f"{limit} of {field(carrier, 'name').text()}", floors, usable(context.as_of))

    yield from each(stack.of_type(MODEL), lambda model: model.name, check)
    yield from each(stack.of_type(CARRIER), lambda carrier: carrier.name, ordered)


def _is_recent(evidence: Place, what: str, floors: Floors, as_of: date) -> Iterator[Finding]:
    resource, basis = evidence.resource.name, evidence["basis"].text()
    evidence["source"].text()
    look = "look at the account, and state the limit with source and day"
    if basis not in _BASES:
        raise WrongField(resource, evidence["basis"].path, f"one of {', '.join(_BASES)}")
    if basis == "assumed":
        if not floors.assumed_limits:
            yield Finding(resource, f"{what} is assumed; the organisation asks for limits that somebody saw", look)
        return
    seen = _day(evidence["date"])
    age, oldest = (as_of - seen).days, floors.maximum_limit_age_days
    if age < 0:
        yield Finding(
            resource, f"{what} was seen on {seen}, after the day of the judgement, {as_of}", "correct as_of, or the day"
        )
    elif oldest is not None and age > oldest:
        message = f"{what} was seen on {seen}, {age} days before {as_of}; the organisation allows {oldest}"
        yield Finding(resource, message, look, oldest, age, "days")


def _day(place: Place) -> date:
    try:
        return documents.day(place.text(), place.path)
    except WrongDocument:
        raise WrongField(place.resource.name, place.path, "a day such as 2026-11-02") from None


def _reserved_capacity_names_its_product(stack: Stack, _context: Context) -> Iterator[Finding]:
    def check(model: Resource) -> Iterator[Finding]:
        for provider in providers(model):
            for reserved in provider.listed("reserved"):
                yield from _is_a_product(reserved, provider)

    yield from each(stack.of_type(MODEL), lambda model: model.name, check)


def _is_a_product(reserved: Place, provider: Place) -> Iterator[Finding]:
    resource, name = reserved.resource.name, provider["name"].text()
    product, served, vendor = reserved["product"].text(), reserved["model"].text(), provider["vendor"].text()
    if product not in _PRODUCTS:
        message = f"{name} counts on reserved capacity that nobody sells under the name that it gives"
        yield Finding(resource, message, f"name one of {', '.join(sorted(_PRODUCTS))}, or count on what is sold on demand")
    elif _PRODUCTS[product] != vendor:
        yield Finding(resource, f"{product} is bought of {_PRODUCTS[product]}; {name} is {vendor}", "name its own product")
    if served != provider["model"].text():
        message = f"{name} counts on capacity that was bought for another model than the one that it serves"
        yield Finding(resource, message, "buy it for this model")


RULES = (
    Rule(
        name="limits-observed-recently",
        condition="Every limit of somebody else's account says where it comes from; one that somebody saw was seen recently, and "
        "not after the day of the judgement.",
        why="Vendors change the limits of an account without a word, and published defaults are seldom what it gets.",
        reads="`limits` of the components `model` and `carrier`: basis, source, date; the floors `maximum_limit_age_days` and "
        "`assumed_limits`.",
        remedy="Look at the account again, and state limit, source and day.",
        check=_limits_observed_recently,
    ),
    Rule(
        name="reserved-capacity-names-its-product",
        condition="Reserved model capacity names a product that its vendor sells, for the model that it serves.",
        why="Capacity that nobody sells is not there in the burst that it was planned for.",
        reads="`reserved`, vendor and model of the providers of the component `model`.",
        remedy="Name the product that was bought, or count on demand alone.",
        check=_reserved_capacity_names_its_product,
    ),
)
