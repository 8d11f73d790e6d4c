"""GPUs for self-hosted speech and language models (S8): memory for the sessions, and streams in real time."""

from typing import Literal

from pydantic import Field

from capacity.figures import Frozen, Name, Source
from capacity.images import Image
from capacity.sizing.claims import LongLead, said
from capacity.sizing.pods import PodSize, Port, Probes
from capacity.sizing.result import Limit, Sizing, counted, hard_for, raised, sized, whole, whole_up
from capacity.units import PositiveAmount, PositiveSize, Seconds, Size

MEMORY_UTILISATION = 0.9
"""The share of a GPU's memory that is planned on; the rest is the driver's, fragments, and peaks of other kernels."""


class Attention(Source):
    """The shape of a model's attention, which fixes what a token keeps in memory."""

    layers: int = Field(gt=0)
    kv_heads: int = Field(gt=0)
    head_dim: int = Field(gt=0)
    bytes_per_value: int = Field(default=2, gt=0)
    """2 for 16-bit floats."""


class Cache(Source):
    """Tokens that a live session keeps in the attention of its model."""

    attention: Attention
    tokens: PositiveAmount
    sequences: int = Field(default=1, gt=0)
    """Beams, each with tokens of its own."""


class SpeechModel(Source):
    """One model, what it takes by itself and what a session takes of it."""

    name: str = Field(min_length=1)
    task: Literal["asr", "tts", "llm"]
    weights: PositiveSize
    workspace: Size = 0
    """Activations and scratch memory of a full batch."""
    cache: Cache | None = None
    """Left out: nothing is kept between steps."""
    audio_buffer: Size = 0
    """Of a session, whether it is being decoded or not."""


class Streams(Source):
    """The sessions that one GPU, or one slice of it, serves in real time: a measurement, for no law gives it."""

    value: PositiveAmount
    conditions: str = Field(min_length=1)
    """On which hardware, at which latency."""


class Gpu(Source):
    """What one model runs on."""

    name: str = Field(min_length=1)
    sharing: Literal["whole", "mig"] = "whole"
    """Live calls share a GPU only by MIG: time slicing isolates neither memory nor faults, and MPS splits it evenly at best."""
    memory: PositiveSize
    """Of the whole GPU, or of one MIG instance."""


class GpuPool(LongLead):
    """The GPUs, or MIG instances, of one model; recognition and synthesis have pools of their own."""

    gpu: Gpu
    model: SpeechModel
    streams: Streams
    """Measured on this very GPU or instance."""
    count: int = Field(gt=0)
    survive: int = Field(default=1, ge=0)
    """How many of them may be gone while the load is still held."""


class GpuPodSize(PodSize):
    """What the pod of one GPU asks of its node besides."""

    pool: Name


class ModelServer(Frozen):
    """The program that serves a model: one pod a GPU."""

    image: Image
    """With the model's weights in it: a pod that must fetch them is no spare."""
    pod: GpuPodSize
    port: Port = 8000
    probes: Probes = Probes.model_validate({"start": "300s"})
    drain: Seconds = 120.0
    """How long a pod that is to go gets for its streams to end."""
    scratch: Size = 256 * 2**20
    """Of /tmp: the only place that a pod may write to."""


class GpuService(GpuPool):
    """The GPUs of one model that the spec names, and what comes to it."""

    share: float = Field(gt=0, le=1)
    """Of the live sessions, those that the model works on at once."""
    server: ModelServer | None = None
    """Left out: it is sized, and runs elsewhere."""


def size_gpu(pool: GpuPool, *, sessions: float, safe_utilisation: float, scope: str = "gpu") -> Sizing:
    """Return the sessions that the GPUs of one model hold with as many gone as they must survive.

    A GPU holds the least of floor((0.9 x memory - weights - workspace) / (cache + audio buffer)) and the streams measured in real
    time; each GPU rounds down by itself.

    Raises:
        ValueError: the load is negative or not finite.
    """
    hard_for("sessions", sessions, safe_utilisation)
    left = max(0, pool.count - pool.survive)
    by_memory, model = sessions_in_memory(pool), pool.model
    one = streams_of_one(pool)
    safe_one = whole(one * safe_utilisation)
    count = whole_up(sessions / safe_one) + pool.survive if safe_one else 0
    remedy = raised(f"{scope}.count", pool.count, count, counted) if sessions else ""
    if not safe_one:
        remedy = f"use GPUs that safely hold a session of {model.name}: one of these holds {one}"
    limits = [
        Limit(
            "real time",
            left * pool.streams.value,
            f"{pool.streams.value} streams ({pool.streams.conditions}) x {left} {pool.gpu.name} left",
            said(pool.streams),
            remedy,
        )
    ]
    if by_memory is not None:
        limits.append(
            Limit(
                "memory",
                left * by_memory,
                f"({MEMORY_UTILISATION} x {pool.gpu.memory / 1e9:,.2f} - {model.weights / 1e9:,.2f} - "
                f"{model.workspace / 1e9:,.2f}) GB / {session_bytes(model) / 1e6:,.1f} MB a session "
                f"x {left} {pool.gpu.name} left",
                said(pool.gpu, model, *((model.cache, model.cache.attention) if model.cache is not None else ())),
                remedy,
            )
        )
    return sized(f"gpu {model.task}", scope, "sessions", sessions, limits, safe_utilisation=safe_utilisation, parts=left)


def kv_bytes_per_token(attention: Attention) -> int:
    """Return what one token keeps in memory: 2 x layers x KV heads x head dimension x bytes, for its key and its value.

    >>> kv_bytes_per_token(Attention(layers=32, kv_heads=8, head_dim=128)) // 1024
    128
    """
    return 2 * attention.layers * attention.kv_heads * attention.head_dim * attention.bytes_per_value


def session_bytes(model: SpeechModel) -> int:
    """Return the GPU memory that a live session takes: its cache and its audio."""
    cache = model.cache
    kept = kv_bytes_per_token(cache.attention) * cache.tokens * cache.sequences if cache is not None else 0
    return kept + model.audio_buffer


def streams_of_one(pool: GpuPool) -> int:
    """Return the sessions that one GPU serves at 100% of its tightest limit: in real time, and in memory."""
    by_memory = sessions_in_memory(pool)
    return pool.streams.value if by_memory is None else min(pool.streams.value, by_memory)


def sessions_in_memory(pool: GpuPool) -> int | None:
    """Return the sessions that one GPU's memory holds; None where a session takes none of it."""
    each = session_bytes(pool.model)
    room = pool.gpu.memory * MEMORY_UTILISATION - pool.model.weights - pool.model.workspace
    if not each:
        return None if room >= 0 else 0
    return whole(room / each)
