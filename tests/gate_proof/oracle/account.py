"""What others provide: the model, the carrier, and the time that their answers take."""

import math
import re
from collections.abc import Mapping
from datetime import date

from tests.gate_proof.leaves import Leaf
from tests.gate_proof.oracle.facts import SLACK, Facts, Family, file_of, poisson


def _model(facts: Facts, _leaf: Leaf) -> bool:
    primary = facts.named["model"]["primary"]
    peaks = sum(load["peak"] for load in facts.lock["verticals"].values())
    least = facts.floors["minimum_tokens_per_session_minute"]
    limits = {"tokensPerMinute": max(primary.get("tokensPerSessionMinute", 0), least), "concurrentSessions": 1.0}
    plans = facts.named["sold"]["plans"].values() if "sold" in facts.named else ()
    reserved = sum(plan["tenants"] * plan["cap"] for plan in plans if plan["guaranteed"])
    shared = sum(plan["tenants"] * plan["cap"] for plan in plans if not plan["guaranteed"])

    def held(name: str, each: float) -> bool:
        carried = math.floor(primary[name] / each + SLACK)
        sold = reserved <= carried and shared <= math.floor((carried - reserved) * 1.1 + SLACK)
        lead = primary["limits"][name]["leadSeconds"]
        asked = facts.ordered_in_time(
            lambda day: peaks * facts.burst * facts.grown(day) * each, lambda _day: primary[name], lead, now=True
        )
        return asked and sold

    figures = [float(text) for text in re.findall(r"vector\(([0-9.e+]+)\)", file_of(facts, "rules.yaml"))]
    tokens = primary.get("tokensPerMinute")  # an alert has its copy
    recorded = tokens is None or any(abs(figure - tokens) <= 1e-6 * tokens for figure in figures)
    return recorded and all(held(name, each) for name, each in limits.items() if name in primary)


def _carrier(facts: Facts, _leaf: Leaf) -> bool:
    carrier = facts.named["carrier"]

    def busiest(day: date) -> float:
        measured = random = 0.0
        for name, load in facts.lock["verticals"].items():
            held, starts = facts.required(name, day), (load.get("demand") or {}).get("starts_per_second")
            if starts is None:
                random += held / facts.mean_call(name)
            else:
                measured += max(starts["p999"]["value"] * held / load["peak"], (starts.get("extreme") or {}).get("q95", 0))
        return measured + (poisson(random) if random else 0)

    return facts.ordered_in_time(
        facts.sessions, lambda _day: carrier["channels"] * facts.safe, carrier["leadSeconds"]
    ) and facts.ordered_in_time(busiest, lambda _day: carrier["startsPerSecond"] * facts.safe, carrier["leadSeconds"])


def _latency(facts: Facts, _leaf: Leaf) -> bool:
    latency = facts.named["latency"]
    first = sum(latency["toFirstToken"].values())
    audio = first + sum(latency["toFirstAudio"].values())
    return bool(
        first <= min(latency["firstTokenSeconds"], facts.floors["maximum_first_token_seconds"]) * (1 + SLACK)
        and audio <= min(latency["firstAudioSeconds"], facts.floors["maximum_first_audio_seconds"]) * (1 + SLACK)
        and min(latency["toFirstToken"].values()) >= 0
    )


FAMILIES: Mapping[str, Family] = {
    "model": _model,
    "carrier": _carrier,
    "latency": _latency,
}
