"""The tool executors: a pool that all verticals send their tool calls to."""

import math

from capacity.plan import CapacityPlan
from capacity.sizing.tools import ExecutorsSection
from components.address import Address
from components.kubernetes import claimed
from components.network import WORLD, verticals
from components.serving import Serving, served_by, serving_resources
from headroom.blueprint import Rendered

NAME = "tools"


def tools_address(tools: ExecutorsSection) -> Address:
    """Return where the executors answer."""
    return Address("HEADROOM_TOOLS_URL", NAME, NAME, tools.port)


def tools_resources(plan: CapacityPlan, *, parent: str) -> list[Rendered]:
    """Return the component of the executors and everything below it; nothing where the spec has none."""
    tools, image = plan.stack.tools, plan.images.executors
    if tools is None or image is None:
        return []
    claims = {"pods": tools.pods, "slots": tools.slots, "survive": tools.survive}
    part = Serving(
        name=NAME,
        kind="tools",
        image=image,
        served=served_by(tools, plan),
        environment={
            "HEADROOM_PORT": str(tools.port),
            "HEADROOM_PROBE_PORT": str(tools.probes.port),
            "HEADROOM_SLOTS": str(tools.slots),
            "HEADROOM_WAIT_MS": str(math.ceil(tools.wait * 1000)),
        },
        ingress=[verticals(tools.port)],
        egress=[WORLD],
        claims=claimed(
            survive=tools.survive,
            calls_per_session=tools.calls_per_session,
            call_seconds=tools.service,
            service_level=tools.service_level,
        ),
    )
    return [Rendered("headroom:tools:Executors", NAME, claims, parent=parent), *serving_resources(part)]
