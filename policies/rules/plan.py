"""plan-exists: the stack carries the plan that it was made from."""

from collections.abc import Iterator

from headroom.blueprint import digest
from policies import documents
from policies.documents import WrongDocument
from policies.evidence import Context
from policies.figures import count
from policies.margins import ROOT
from policies.rule import Finding, Rule
from policies.stack import Identity, Stack, field, find_object

_MAXIMUM_BYTES = 256 * 1024
"""A ConfigMap may hold 1 MiB; the plan keeps to a quarter of it."""
_DEPLOY_WHOLE = "deploy the program's whole blueprint"


def _plan_exists(stack: Stack, _context: Context) -> Iterator[Finding]:
    root = stack.the_one(ROOT)
    config_map = find_object(stack, "kubernetes:core/v1:ConfigMap", Identity("headroom", "capacity-plan"))
    if config_map is None:
        yield Finding(root.name, "there is no ConfigMap headroom/capacity-plan that holds the plan", _DEPLOY_WHOLE)
        return
    plan = field(config_map, "data")["plan.json"].text()
    size = len(plan.encode())
    if size >= _MAXIMUM_BYTES:
        message = f"the plan takes {count(size)} bytes; less than {count(_MAXIMUM_BYTES)} are allowed"
        yield Finding(config_map.name, message, "leave tenants and raw data out of the plan", _MAXIMUM_BYTES, size, "bytes")
    try:
        actual = digest(documents.parse(plan))
    except WrongDocument as error:
        yield Finding(config_map.name, f"data[plan.json]: {error}", _DEPLOY_WHOLE)
        return
    if actual != field(root, "planDigest").text():
        yield Finding(config_map.name, "the plan is not the one whose digest the root carries", _DEPLOY_WHOLE)


RULES = (
    Rule(
        name="plan-exists",
        condition="The stack carries the one plan that it was made from, small enough for a ConfigMap.",
        why="A stack without its plan cannot be explained, compared or held against what runs.",
        reads="the ConfigMap headroom/capacity-plan, the root's claim `planDigest`.",
        remedy="Deploy the program's whole blueprint.",
        check=_plan_exists,
    ),
)
