"""How containers of ours are started: a program that is started otherwise reads another configuration, or does something else."""

from collections.abc import Iterator, Mapping, Sequence

from policies import documents
from policies.documents import WrongDocument
from policies.figures import count, exceeds
from policies.rule import Finding
from policies.stack import Identity, Place, Resource, Stack, WrongField, annotation, field, find_object, identity
from policies.workloads import CONFIG_MAP, configuration, open_files, pod_metadata, pod_of

Start = tuple[Sequence[str], Sequence[str]]
"""A command, and its arguments."""

_OWN: Start = ((), ())
"""As the image starts by itself."""
_CHECK = ("python", "-I", "/program/check_limits.py")
_FILES = "--open-files"
_CHECKED = frozenset({_FILES, "--somaxconn"})
_MACHINE_IS_KNOWN = (
    'sed -n "s|^external-ip=.*/||p" /etc/turn/turnserver.conf | grep -qxF "$HOST_ADDRESS" || { '
    'echo "turn.public_addresses has no address of this machine, $HOST_ADDRESS: callers would be told its private one" >&2; '
    "exit 1; }; "
)
_RELAYS = (
    "umask 077; cat /etc/turn/turnserver.conf /etc/turn-secret/auth.conf > /run/turn/turnserver.conf && "
    'exec turnserver -c /run/turn/turnserver.conf --listening-ip="$HOST_ADDRESS" --relay-ip="$HOST_ADDRESS"'
)
_STREAM = (
    "if nats stream info {0} >/dev/null 2>&1; then exec nats stream edit {0} --config /etc/nats/stream.json --force; "
    "else exec nats stream add {0} --config /etc/nats/stream.json; fi"
)
_STARTS: Mapping[tuple[str, str], Sequence[Start]] = {
    **{(kind, "app"): [_OWN] for kind in ("asr", "fastapi", "gateway", "llm", "nats", "queue", "queue-gateway", "tools", "tts")},
    ("bus", "bus"): [(("nats-server", "-c", "/etc/nats/nats.conf"), ())],
    ("placeholder", "placeholder"): [(("sleep", "infinity"), ())],
    ("redis", "redis"): [(("redis-server", "/etc/redis/redis.conf"), ())],
    ("tunnel", "cloudflared"): [((), ("tunnel", "--config", "/etc/cloudflared/config.yml", "run"))],
    ("turn", "turn"): [(("sh", "-c", start), ()) for start in (_RELAYS, f"{_MACHINE_IS_KNOWN}{_RELAYS}")],
}
"""How containers may be started, by the kind of their workload and their name; of others nobody knows."""
_RENDER = "deploy what the program renders"


def otherwise_started(stack: Stack, workload: Resource) -> Iterator[Finding]:
    """Yield the containers of a workload with a kind that are started otherwise than their programs are."""
    kind, pod = annotation(workload, "kind").text(), pod_of(workload)
    for container in [*pod["containers"].items(), *pod.listed("initContainers")]:
        name, start = container["name"].text(), tuple(_words(container, key) for key in ("command", "args"))
        if name == "limits":
            yield from _checks(workload, container, start[0])
            continue
        known = _known(stack, workload, kind, name)
        if known and start not in [(tuple(command), tuple(args)) for command, args in known]:
            yield Finding(workload.name, f"{container.path} is started otherwise than its program", _RENDER)


def _words(container: Place, key: str) -> tuple[str, ...]:
    return tuple(word.text() for word in container.listed(key))


def _known(stack: Stack, workload: Resource, kind: str, name: str) -> Sequence[Start]:
    if (kind, name) == ("pm2", "app"):
        by_pm2 = (("pm2-runtime", "start", "/etc/pm2/ecosystem.json"), ())
        return [by_pm2] if _reads(stack, workload, "ecosystem.json") else [_OWN, by_pm2]
    if (kind, name) == ("prescale", "prescale"):
        job = identity(workload)
        return [(("python", "-I", "/program/prescale.py", job.namespace, job.name.removesuffix("-prescale")), ())]
    if (kind, name) == ("streams", "streams"):
        return [(("sh", "-c", _STREAM.format(_stream(stack, workload))), ())]
    return _STARTS.get((kind, name), ())


def _reads(stack: Stack, workload: Resource, file: str) -> bool:
    for volume in pod_of(workload).listed("volumes"):
        if (named := volume.get("configMap")) is not None:
            wanted = Identity(identity(workload).namespace, named["name"].text())
            found = find_object(stack, CONFIG_MAP, wanted)
            if found is not None and file in field(found, "data").names():
                return True
    return False


def _stream(stack: Stack, job: Resource) -> str:
    text = configuration(stack, job, "stream.json")
    try:
        return documents.text(documents.mapping(documents.parse(text.text()), "it").get("name"), "name")
    except WrongDocument as error:
        raise WrongField(text.resource.name, text.path, "a stream's configuration", why=str(error)) from None


def _checks(workload: Resource, container: Place, command: tuple[str, ...]) -> Iterator[Finding]:
    """Yield where the check before a pod's containers is another, or asks for more than its own container is given."""
    options = dict(zip(command[3::2], command[4::2], strict=False))
    if command[:3] != _CHECK or len(command) % 2 == 0 or not {_FILES} <= options.keys() <= _CHECKED or container.listed("args"):
        yield Finding(workload.name, f"{container.path} is started otherwise than its program", _RENDER)
        return
    limits = pod_metadata(workload, "annotations")
    given = limits is not None and limits.get("ulimits.nri.containerd.io/container.limits")
    asked = Place(workload, f"{container.path}.command", options[_FILES]).number()
    if given and exceeds(asked, have := open_files(workload, "limits")):
        message = f"{container.path} ends its pods without {count(asked)} open files; it is given {count(have)}"
        yield Finding(workload.name, message, f"ask for {count(have)}", asked, have, "files")
