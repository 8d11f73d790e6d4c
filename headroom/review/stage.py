"""A throwaway copy of what the engine needs of a project: it can be deployed and previewed without a secret."""

import base64
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from headroom.engine.definitions import STANDIN_DEFINITIONS
from headroom.engine.target import STANDIN_ACCOUNT, STANDIN_CONTEXT
from policies.adoption import adoption_path

PLACEHOLDER = base64.b64encode(bytes(32)).decode()
"""Stands for every secret: 32 bytes of zero are well-formed wherever a key is wanted, and open nothing."""
_KEY = "secure"
_ENCRYPTION = ("encryptionsalt:", "encryptedkey:", "secretsprovider:")

PACK = '''"""Serve the policy pack of another checkout: its rules must not come from where this project is installed."""

import sys

sys.path.insert(0, {root!r})

from policies.adapters.pack import serve

serve()
'''


@dataclass(frozen=True)
class Stage:
    """A project for the engine, and what its stand-ins must say to be taken for where it belongs."""

    root: Path
    environ: dict[str, str]


def make_stage(source: Path, environment: str, floors: Path, folder: Path, adoption: Path | None = None) -> Stage:
    """Return a copy of a checkout's project in a new folder, judged by these floors and this adoption plan, or its own."""
    (folder / "stacks").mkdir(parents=True)
    (folder / "policies").mkdir()
    for name in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(source / name, folder / name)
    stack, lock = f"Pulumi.{environment}.yaml", f"{environment}.forecast.json"
    text = (source / "stacks" / stack).read_text(encoding="utf-8")
    (folder / "stacks" / stack).write_text(without_ciphers(text), encoding="utf-8")
    shutil.copy(source / "stacks" / lock, folder / "stacks" / lock)
    if (plan := adoption or adoption_path(source / "stacks" / lock)).is_file():
        shutil.copy(plan, adoption_path(folder / "stacks" / lock))
    shutil.copy(floors, folder / "policies" / "floors.json")
    (folder / ".venv").symlink_to((source / ".venv").resolve())
    return Stage(folder, _claims(text))


def make_pack(root: Path, folder: Path) -> Path:
    """Return a new folder with the policy pack of a checkout, which takes its modules from there."""
    folder.mkdir()
    shutil.copy(root / "policies" / "pack" / "PulumiPolicy.yaml", folder / "PulumiPolicy.yaml")
    (folder / "__main__.py").write_text(PACK.format(root=str(root)), encoding="utf-8")
    return folder


def without_ciphers(text: str) -> str:
    """Return a stack file with a placeholder for each secret, and without the key that they are under.

    The text is changed in place: read and written again, a YAML 1.1 reader would turn 12:30 into a number.
    """
    for start, end in sorted(_ciphers(yaml.compose(text, Loader=yaml.SafeLoader)), reverse=True):
        text = f'{text[:start]}"{PLACEHOLDER}"{text[end:]}'
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(_ENCRYPTION))


def definitions(types: frozenset[str]) -> dict[str, str]:
    """Return the variable by which the stand-in knows every kind among resource types, so that none is missing."""
    tokens = (token.removeprefix("kubernetes:").split(":") for token in types if token.startswith("kubernetes:"))
    return {STANDIN_DEFINITIONS: ",".join(sorted(f"{kind[0]}.{version}" for version, *kind in tokens if kind))}


def _ciphers(node: yaml.Node | None) -> list[tuple[int, int]]:
    """Return where the mappings `{secure: …}` stand."""
    if isinstance(node, yaml.SequenceNode):
        return [span for item in node.value for span in _ciphers(item)]
    if not isinstance(node, yaml.MappingNode):
        return []
    if [key.value for key, _ in node.value] == [_KEY]:
        ends_itself = node.flow_style  # a block mapping's end is that of the line after it
        return [(node.start_mark.index, node.end_mark.index if ends_itself else node.value[0][1].end_mark.index)]
    return [span for _, value in node.value for span in _ciphers(value)]


def _claims(text: str) -> dict[str, str]:
    """Return what stand-ins must claim to be, by the spec's own target."""
    document: Any = yaml.safe_load(text)
    target = document["config"]["headroom:spec"].get("target") or {}
    claims = {STANDIN_CONTEXT: target.get("kubernetes_context"), STANDIN_ACCOUNT: (target.get("cloudflare") or {}).get("account")}
    return {name: str(value) for name, value in claims.items() if value}
