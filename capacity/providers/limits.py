"""What a spec says of the providers behind its live sessions, and of the limits that their accounts showed."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from capacity.figures import Frozen, Price, Source
from capacity.providers.conversation import Conversation
from capacity.units import Amount, PositiveAmount, Seconds

Product = Literal["OpenAI Reserved Tier", "OpenAI Scale Tier", "Azure PTU"]
"""Reserved model capacity that can be bought. Each is of one vendor; "OpenAI PTU" does not exist."""

_vendors: dict[Product, str] = {"OpenAI Reserved Tier": "openai", "OpenAI Scale Tier": "openai", "Azure PTU": "azure"}

_Text = Annotated[str, Field(min_length=1)]


class _Observed(Source):
    """A figure of an account: whoever says that it was seen says where and on which day."""

    @model_validator(mode="after")
    def _seen_somewhere(self) -> Self:
        missing = [name for name in ("source", "date") if name not in self.model_fields_set or getattr(self, name) is None]
        if self.basis != "assumed" and missing:
            raise ValueError(
                f"a {self.basis} limit needs its {' and '.join(missing)}: limits differ by account and change, so say where and "
                "on which day the account showed it, or call it assumed"
            )
        return self


class AccountLimit(_Observed):
    """One limit of an account, as the account showed it: published defaults are seldom what it gets."""

    limit: PositiveAmount
    lead_time: Seconds = 28 * 86400.0
    """How long a higher one takes to get."""


class Reserved(_Observed):
    """Capacity that was bought in advance, on top of what the account may use on demand."""

    product: Product
    model: _Text
    """The model that it was bought for; it serves no other."""
    tokens_per_minute: PositiveAmount


class GivenTokens(Source):
    """What a live session asks for in a minute, measured or stated."""

    value: PositiveAmount
    deviation: Amount | None = None
    """Standard deviation over sessions and minutes."""
    requests: float | None = Field(default=None, gt=0)
    """Responses a minute."""


class ComputedTokens(Source):
    """What a live session asks for in a minute, computed from what is said in it."""

    conversation: Conversation


def _given_or_computed(value: Any) -> str:
    has_conversation = "conversation" in value if isinstance(value, dict) else isinstance(value, ComputedTokens)
    return "computed" if has_conversation else "given"


SessionTokens = Annotated[
    Annotated[GivenTokens, Tag("given")] | Annotated[ComputedTokens, Tag("computed")],
    Discriminator(_given_or_computed),
]


class _Provider(Frozen):
    name: _Text
    """Tells it from the others of its list."""
    vendor: str = Field(pattern=r"^[a-z][-a-z0-9]*$")
    """Whose account it is: openai, azure, self-hosted, ..."""
    model: _Text
    price_per_session_minute: Price | None = None
    """Left out: unknown, and so is every cost that needs it."""


class TokenLimited(_Provider):
    """A provider that limits the tokens of a minute."""

    kind: Literal["token-limited"]
    tokens_per_minute: AccountLimit
    """On demand, without reserved capacity."""
    requests_per_minute: AccountLimit | None = None
    tokens_per_session_minute: SessionTokens
    window: Annotated[Seconds, Field(le=60)] = 60.0
    """Over which span the provider sums up. Some judge a limit a minute over 1 or 10 seconds and refuse earlier."""
    reserved: tuple[Reserved, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for reserved in self.reserved:
            if reserved.model != self.model:
                raise ValueError(
                    f"reserved.model {reserved.model!r} is not the provider's model {self.model!r}: "
                    f"capacity reserved for another model carries no session here"
                )
            if _vendors[reserved.product] != self.vendor:
                raise ValueError(f"{reserved.product} is bought of {_vendors[reserved.product]}, this provider is {self.vendor}")
        given = self.tokens_per_session_minute
        if self.requests_per_minute is not None and isinstance(given, GivenTokens) and given.requests is None:
            raise ValueError(
                "requests_per_minute is limited, but nothing says how many a session makes: "
                "give tokens_per_session_minute.requests or a conversation"
            )
        return self


class SessionLimited(_Provider):
    """A provider that limits the sessions open at once, and maybe how fast they are opened."""

    kind: Literal["session-limited"]
    concurrent_sessions: AccountLimit
    session_starts_per_minute: AccountLimit | None = None


class MinuteBilled(_Provider):
    """A provider that bills minutes and limits at most the sessions open at once."""

    kind: Literal["minute-billed"]
    concurrent_sessions: AccountLimit | None = None
    """Left out: no limit is known. That is not the same as none."""


Provider = Annotated[TokenLimited | SessionLimited | MinuteBilled, Field(discriminator="kind")]


class Providers(Frozen):
    """Who serves the sessions, and who takes over in which order."""

    primary: Provider
    fallbacks: tuple[Provider, ...] = ()

    @property
    def chain(self) -> tuple[TokenLimited | SessionLimited | MinuteBilled, ...]:
        """The providers in the order in which they are asked."""
        return (self.primary, *self.fallbacks)

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        names = [provider.name for provider in self.chain]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two providers are called {twice[0]!r}: limits of one account would count twice")
        return self
