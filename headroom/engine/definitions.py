"""Whether the cluster has the definitions of the custom resources that are about to be applied."""

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus

from headroom.blueprint import Rendered

TARGET = "HEADROOM_TARGET"
"""Set on a local run: directory:<path>, or cluster:<path of a kubeconfig>."""
STANDIN_DEFINITIONS = "HEADROOM_STANDIN_DEFINITIONS"
"""The kinds that a folder in a cluster's place counts as defined, such as ScaledObject.keda.sh/v1alpha1, with commas between."""
_PATIENCE_SECONDS = 15


def missing_definitions(resources: Iterable[Rendered], environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return a line for each kind that the cluster does not know, with those who need it; empty where all are there.

    Only kinds beyond Kubernetes' own are asked for; where there are none, nothing is. The kubeconfig is that of the engine's
    provider: KUBECONFIG, or the usual place. A cluster that does not answer is a line too.
    """
    wanted = _custom(resources)
    if not wanted:
        return ()
    aim, _, path = environ.get(TARGET, "").partition(":")
    if aim == "directory":
        known = set(environ.get(STANDIN_DEFINITIONS, "").split(","))
        return tuple(_lines(wanted, known, f"say in {STANDIN_DEFINITIONS} that they count as defined"))
    file = path if aim == "cluster" else environ.get("KUBECONFIG")
    try:
        known = {f"{kind}.{version}" for version in {version for version, _ in wanted} for kind in _served(version, file)}
    except Exception as error:  # noqa: BLE001  # a credential plugin may fail in any way; then nothing must be applied
        return (f"the cluster does not say which kinds it knows ({type(error).__name__}); {_named(wanted)} would be applied",)
    return tuple(_lines(wanted, known, "install what defines it first"))


def _custom(resources: Iterable[Rendered]) -> dict[tuple[str, str], list[str]]:
    """Return the names of custom resources by apiVersion and kind. Kubernetes' own groups have no dot, or end in k8s.io."""
    found: dict[tuple[str, str], list[str]] = {}
    for resource in resources:
        package, _, token = resource.type.partition(":")
        version, _, kind = token.partition(":")
        group = version.partition("/")[0]
        if package == "kubernetes" and "." in group and not group.endswith(".k8s.io"):
            found.setdefault((version, kind), []).append(resource.name)
    return found


def _lines(wanted: Mapping[tuple[str, str], list[str]], known: set[str], cure: str) -> Iterator[str]:
    for (version, kind), names in sorted(wanted.items()):
        if f"{kind}.{version}" not in known:
            yield f"the cluster knows no kind {kind} in {version}, which {', '.join(names)} needs: {cure}"


def _named(wanted: Mapping[tuple[str, str], list[str]]) -> str:
    return ", ".join(f"{kind} ({version})" for version, kind in sorted(wanted))


def _served(version: str, kubeconfig: str | None) -> set[str]:
    """Return the kinds of an apiVersion that the cluster serves; raises where it does not answer."""
    from kubernetes import client, config  # takes a second, and is needed only where custom resources are

    api = client.CustomObjectsApi(config.new_client_from_config(config_file=kubeconfig or None))  # type: ignore[no-untyped-call]
    group, _, number = version.partition("/")
    try:
        answer = api.get_api_resources(group, number, _request_timeout=_PATIENCE_SECONDS)
    except client.ApiException as refusal:
        if refusal.status == HTTPStatus.NOT_FOUND:  # no definition of this group and version is there
            return set()
        raise
    return {resource.kind for resource in answer.resources}
