"""What a call's own object at the edge allows: audio that is sent together, clients that come back, upstreams that grow old."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from capacity.figures import Frozen, Name, Source
from capacity.units import PositiveSize, Seconds


class RealtimeModel(Source):
    """A model that speaks the Realtime protocol, in the place of a vertical's own service."""

    url: str = Field(pattern=r"^https://[a-z0-9.-]+(:\d+)?/[!-~]*$")
    """Where it answers, with the model's name as it wants it. Its key is the secret `realtimeKey` of the configuration."""
    session_limit: Seconds = 3600.0
    """How long one of its sessions lives (OpenAI community, January 2026: 60 minutes; Microsoft Q&A 12544418: 30 on Azure)."""
    reopen_before: Seconds = 300.0
    """How long before that a second session is opened, which takes over when nobody speaks: the longest turn, and more."""
    transcription: str | None = Field(default=None, min_length=1)
    """The model that writes down what callers say. Left out: where the client asks for none, a session that takes over knows
    of the callers' words only what is still kept as sound."""

    @model_validator(mode="after")
    def _lives(self) -> Self:
        if self.reopen_before >= self.session_limit:
            raise ValueError(f"reopen_before: below session_limit, {self.session_limit:g} s, or a session is old when it begins")
        return self

    @property
    def reopened_after(self) -> float:
        """How old a session is when the next one is opened."""
        return self.session_limit - self.reopen_before


Bucket = Annotated[Seconds, Field(le=60)]


class Sessions(Frozen):
    """The limits of one call; its object shares 128 MB with others of its class (Cloudflare docs, Durable Objects pricing)."""

    realtime: dict[Name, RealtimeModel] = Field(default_factory=dict)
    """By vertical. The calls of the others go to the vertical's own service, through the tunnel."""
    batch: Seconds | None = 0.06
    """Audio from a client within this time goes on as one message (Cloudflare advises 50 to 100 ms). Null: each frame alone."""
    resume: Seconds = 60.0
    """How long a client that was cut may come back; its places stand meanwhile."""
    park: Seconds = 20.0
    """How long the upstream of a cut call stays open. While it is, the object cannot sleep, and is paid for."""
    silence: Seconds = 300.0
    """A client of whom nothing comes for so long is taken to be cut: a network that is gone closes no socket."""
    open: Seconds = 10.0
    """How long an upstream may take to open, and a lost one to be replaced."""
    retry: Seconds = 0.5
    """Between two tries to replace it."""
    margin: Seconds = 2.0
    """A call that is not renewed ends so long before its lease does: what clocks differ by, and what closing takes."""
    frame: PositiveSize = 2**20
    """The largest message, either way."""
    backlog: PositiveSize = 2**20
    """What may wait for a client that reads slowly or is away: at 24 kHz 16 s of sound."""
    transcript: PositiveSize = 2**20
    """What is kept of a conversation; the oldest goes first."""
    audio: PositiveSize = 2 * 2**20
    """What is kept of a caller's words until they are written down: at 24 kHz 43 s."""
    quiet: Seconds = 2.0
    """What is kept of them while nobody speaks: longer than a model takes to notice that somebody does."""
    latency_buckets: tuple[Bucket, ...] = Field(
        default=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.4, 2.0, 3.0, 5.0), min_length=1
    )
    """The bounds by which the times to the first token and the first sound are counted; the budgets (S26) are among them."""

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if self.park > self.resume:
            raise ValueError(f"park: at most resume, {self.resume:g} s: the call is over then")
        if any(low >= high for low, high in zip(self.latency_buckets, self.latency_buckets[1:], strict=False)):
            raise ValueError("latency_buckets: each bound above the one before it")
        return self
