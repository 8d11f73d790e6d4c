"""What a workload of live calls promises: names, and rules with what each demands."""

from dataclasses import dataclass
from typing import Literal

from components.observability.catalogue import METRICS, SESSION_PODS, Metric

ALIVE, READY, DRAIN, SCRAPE = "/livez", "/readyz", "/drain", "/metrics"
"""Paths on the probes port, as kubelet and Prometheus ask them."""
CALL, TENANT, PLAN = "headroom-call", "headroom-tenant", "headroom-plan"
"""Headers of a call's upgrade, set by the edge."""
TRY_LATER = 1013
"""The close code of a refusal after the upgrade."""
LIMITS = {"open_files": "HEADROOM_OPEN_FILES", "memory_bytes": "HEADROOM_MEMORY_BYTES", "cpu_cores": "HEADROOM_CPU_CORES"}
"""Limits that are checked at the start, by the variable that says what the plan counts on."""
_HERE = "the conformance probes"
METRIC_NAMES = (
    *(metric for metric in METRICS if metric.exposed_by == SESSION_PODS),
    Metric("voice_session_tokens_total", "counter", ("tenant", "plan"), _HERE, "tokens of usage events"),
    Metric("voice_usage_events_total", "counter", ("tenant", "plan"), _HERE, "usage events"),
)
"""What stands on /metrics beside the limits."""

Verdict = Literal["held", "broken", "not judged"]


@dataclass(frozen=True)
class Rule:
    """One promise: what is demanded, and what to do where it is broken."""

    name: str
    demand: str
    remedy: str


@dataclass(frozen=True)
class Finding:
    """How one rule fared, and what was seen."""

    rule: Rule
    verdict: Verdict
    seen: str


def judged(rule: Rule, held: bool, seen: str) -> Finding:  # noqa: FBT001  # the one answer of a judgement
    """Return a finding that says held or broken."""
    return Finding(rule, "held" if held else "broken", seen)


def not_judged(rule: Rule, why: str) -> Finding:
    """Return a finding that says why nothing is said."""
    return Finding(rule, "not judged", why)


PROBES_APART = Rule(
    "probes-on-a-port-apart",
    "GET /livez answers 200 on another port than that of the calls",
    "serve probes from a listener of its own: a port that is full of calls answers nobody",
)
READY_AT_START = Rule(
    "ready-at-the-start",
    "GET /readyz answers 200 while the process takes calls",
    "answer 200 until the drain begins",
)
METRICS_BY_NAME = Rule(
    "metrics-by-name",
    "every metric of the contract stands on /metrics, of the type that it is said to be",
    "expose it under this name, from the start: autoscaler, alerts and dashboards ask for it by name",
)
LIMITS_CHECKED = Rule(
    "limits-checked",
    "voice_limit_planned and voice_limit_granted say, for open_files, memory_bytes and cpu_cores, that no less was granted "
    "than the plan counts on",
    "compare each limit with its variable (HEADROOM_OPEN_FILES, HEADROOM_MEMORY_BYTES, HEADROOM_CPU_CORES) before listening, "
    "end with an error that names the one that is short, and expose both figures",
)
SESSIONS_COUNTED = Rule(
    "sessions-counted",
    "voice_active_sessions and voice_tenant_sessions show the calls under way, whichever process of the pod answers",
    "count a call when it is admitted, under the headers headroom-tenant and headroom-plan; with several processes add them up",
)
OFFERED_COUNTED = Rule(
    "calls-offered-counted",
    "voice_calls_offered_total grows by one with every call that asks, admitted or not",
    "count before the admission decides: the share of blocked calls is reckoned from it",
)
SECONDS_COUNTED = Rule(
    "seconds-counted-as-they-pass",
    "voice_session_seconds_total grows by a second a second and call, and stands still when no call is under way",
    "add the seconds of calls under way whenever /metrics is asked: what grows only when a call ends shows no cost for an hour",
)
LATENCIES_MEASURED = Rule(
    "latencies-measured",
    "voice_first_token_seconds and voice_first_audio_seconds observe every answer",
    "observe the time from the end of the caller's words, once an answer",
)
SESSIONS_FALL = Rule(
    "sessions-fall-when-calls-end",
    "voice_active_sessions falls when a call ends, whether it was closed or cut",
    "give the place back in a `finally`, and ping callers so that a vanished one is noticed: pods that look full are never "
    "scaled down and never drained",
)
USAGE_ONCE = Rule(
    "usage-emitted-once",
    "every call that ends emits one usage event, counted by voice_usage_events_total, with its tokens in "
    "voice_session_tokens_total",
    "emit it where the place is given back, guarded by whether it was still held",
)
ADMITS_CAPACITY = Rule(
    "admits-its-capacity",
    "a pod admits as many calls as voice_session_capacity says",
    "admit up to HEADROOM_MAX_SESSIONS: the plan counts on it",
)
REFUSES_BEYOND = Rule(
    "refuses-beyond-capacity",
    "the call beyond it is refused: HTTP 503 with Retry-After in seconds, or the upgrade and then close code 1013",
    "count and refuse with nothing awaited in between; a server's own concurrency limit does not stop WebSockets",
)
REFUSALS_COUNTED = Rule(
    "refusals-counted",
    'voice_admission_rejected_total{reason="capacity"} grows by one a refusal, voice_full_total by one a spell of being full',
    "count refusals by reason where they are made, and spells when the last place is taken",
)
READY_AT_CAPACITY = Rule(
    "ready-at-capacity",
    "a full pod stays ready and alive",
    "refuse calls one by one: a full pod that is not ready drops out of the utilisation that the alert looks at",
)
ROOM_AGAIN = Rule(
    "room-again",
    "a full pod admits the next call as soon as one has ended",
    "give the place back when the call ends, however it ends",
)
DRAIN_ENDS_READINESS = Rule(
    "drain-ends-readiness",
    "once GET /drain was asked, /readyz no longer answers 200",
    "set the flag that /readyz reads before anything else",
)
DRAIN_REFUSES = Rule(
    "drain-refuses-new-calls",
    "a draining pod refuses new calls as a full one does",
    'refuse while draining, and count it as reason="draining": endpoints are told late, calls still come',
)
DRAIN_KEEPS = Rule(
    "drain-keeps-running-calls",
    "calls under way go on while the pod drains, and /livez goes on answering 200",
    "do not end the server when the drain begins: uvicorn closes every socket then",
)
DRAIN_WAITS = Rule(
    "drain-waits-for-the-last-call",
    "/drain answers when the last call has ended, not before, and 200",
    "keep the request waiting: the kubelet sends the signal to end as soon as it is answered",
)
DRAIN_ENDS = Rule(
    "drain-ends-the-process",
    "the process ends by itself after the last call",
    "end once /drain is answered: outside of a cluster nobody else ends it",
)
STARTS_AS_PLANNED = Rule(
    "refuses-to-start-below-plan",
    "started with one limit below its variable the process ends with an error that names it, or never becomes ready",
    "check all three limits before listening",
)
