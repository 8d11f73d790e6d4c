"""A blueprint as a folder: one file a resource."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from headroom.blueprint.values import Blueprint, Rendered, encode


def resource_files(blueprint: Blueprint) -> dict[str, str]:
    """Return the text of every resource by file name, `<name>.yaml`; the same blueprint gives the same bytes."""
    return {
        f"{resource.name}.yaml": yaml.dump(_document(resource), Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)
        for resource in blueprint
    }


def write_blueprint(blueprint: Blueprint, folder: Path) -> list[Path]:
    """Write a blueprint into a folder and return its files; files of resources that are no more are removed.

    Raises FolderInUse where the folder holds anything but what this function wrote.
    """
    texts = resource_files(blueprint)
    if folder.exists():
        strangers = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() or entry.suffix != ".yaml")
        if strangers:
            raise FolderInUse(folder, strangers[0])
        for entry in folder.iterdir():
            if entry.name not in texts:
                entry.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


class FolderInUse(ValueError):
    """A folder that holds other people's files."""

    def __init__(self, folder: Path, stranger: str) -> None:
        super().__init__(f"{folder} holds {stranger}, which is no rendered resource: give an empty folder or a new one")


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as they are, no anchors: the files are read by people."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # PyYAML's signature
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _document(resource: Rendered) -> dict[str, Any]:
    document: dict[str, Any] = {"type": resource.type, "name": resource.name}
    if resource.parent is not None:
        document["parent"] = resource.parent
    if resource.after:
        document["after"] = list(resource.after)
    options = {
        key: list(value) if isinstance(value, tuple) else value for key, value in asdict(resource.options).items() if value
    }
    if options:
        document["options"] = options
    return document | {"props": encode(resource.props)}
