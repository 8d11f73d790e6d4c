"""images-pinned: every container runs the very image that was reviewed."""

import re
from collections.abc import Iterator

from policies.evidence import Context
from policies.rule import Finding, Rule, each
from policies.stack import Resource, Stack
from policies.workload_types import POD_SPECS
from policies.workloads import pod_of

_PINNED = re.compile(r"[a-z0-9][^@\s]*@sha256:[0-9a-f]{64}")
_BITNAMI = re.compile(r"(?:^|/)bitnami[^/]*/")
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")


def _images_pinned(stack: Stack, _context: Context) -> Iterator[Finding]:
    yield from each(stack.of_type(*POD_SPECS), lambda workload: workload.name, _is_pinned)


def _is_pinned(workload: Resource) -> Iterator[Finding]:
    pod = pod_of(workload)
    for kind in _CONTAINERS:
        for container in pod.listed(kind):
            image = container["image"].text()
            if _PINNED.fullmatch(image) is None:
                message = f"its container {container['name'].text()} runs an image that is not named by its digest"
                yield Finding(workload.name, message, "name it by name@sha256:digest")
            if _BITNAMI.search(image) is not None:
                message = (
                    f"its container {container['name'].text()} runs an image of Bitnami, which is withdrawn or no longer mended"
                )
                yield Finding(workload.name, message, "take the program's own image")


RULES = (
    Rule(
        name="images-pinned",
        condition="Every container's image is named by its digest; none is Bitnami's, in whatever registry.",
        why="A tag can be another program tomorrow, on the very pods that an autoscaler adds in a burst. Bitnami's free images "
        "were taken away in 2025: a new node pulls none, and `bitnamilegacy` gets no more fixes.",
        reads="the images of all containers of all workloads.",
        remedy="name@sha256:digest, of the program's own image.",
        check=_images_pinned,
    ),
)
