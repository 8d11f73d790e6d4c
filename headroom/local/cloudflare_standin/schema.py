"""What the pulumi-cloudflare package says of its resources, read from the text of its classes.

Importing the package takes 4 s and 350 MB; the few classes that a resource needs are read from their source in milliseconds.
The text is generated, so its form is fixed: a keyword-only `__init__` with the types, a getter with the wire name and
the documentation for each property.
"""

import ast
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PACKAGE = "pulumi_cloudflare"
GETTER = "pulumi.getter"
TOKEN = re.compile(r"cloudflare:index/(\w+):(\w+)")
VALUES = re.compile(r"Available values: ((?:\"[^\"]*\"|-?\d+)(?:, (?:\"[^\"]*\"|-?\d+))*)")
BOUNDARY = re.compile(r"^(?:@|class |warnings\.)", re.MULTILINE)
ARGUMENTS = re.compile(r"get_resource_args_opts\((\w+),")
SECRETS = re.compile(r"additional_secret_outputs=\[([^\]]*)\]")
SUCCESSOR = re.compile(r"has been deprecated in favor of cloudflare\.index/\w+\.(\w+)")
SCALARS = {"str": "string", "bool": "boolean", "int": "integer", "float": "number"}


@dataclass(frozen=True)
class Scalar:
    """A string, boolean, integer or number."""

    name: str


@dataclass(frozen=True)
class Items:
    """A list."""

    item: "Type"


@dataclass(frozen=True)
class Entries:
    """An object with keys of the user's choice."""

    value: "Type"


@dataclass(frozen=True)
class Nested:
    """An object with the fields of an input class."""

    name: str


Type = Scalar | Items | Entries | Nested | None
"""None is anything."""


@dataclass(frozen=True)
class Field:
    """One argument: its name on the wire, and what it may be."""

    name: str
    type: Type
    required: bool
    values: tuple[str, ...]
    """What the documentation lists as the available values, underscores as the API has them; empty for no list."""


@dataclass(frozen=True)
class Resource:
    """One resource class."""

    name: str
    """`WorkersScript`"""
    inputs: tuple[Field, ...]
    outputs: tuple[str, ...]
    """Outputs that are no inputs, by their wire names."""
    secrets: frozenset[str]
    """Properties that are secret whatever the program says."""
    successor: str | None
    """The class that replaces a deprecated one."""


@dataclass(frozen=True)
class Package:
    """The installed pulumi-cloudflare package, its files read when they are asked for."""

    folder: Path

    def resource(self, token: str) -> Resource | None:
        """Return the class of a type token such as `cloudflare:index/workersScript:WorkersScript`; None if there is none."""
        names = TOKEN.fullmatch(token)
        if names is None:
            return None
        file = self.folder / f"{_snake(names[1])}.py"
        if not file.is_file() or f"'{token}'" not in (text := file.read_text(encoding="utf-8")):
            return None
        arguments = ARGUMENTS.search(text)
        inputs = tuple(_fields(_class(text, arguments[1]))) if arguments else ()
        given = {field.name for field in inputs}
        made = (_wire_name(getter) for getter in _getters(_class(text, names[2])))
        secrets = SECRETS.search(text)
        successor = SUCCESSOR.search(text)
        return Resource(
            name=names[2],
            inputs=inputs,
            outputs=tuple(name for name in made if name not in given),
            secrets=frozenset(re.findall(r'"(\w+)"', secrets[1])) if secrets else frozenset(),
            successor=successor[1] if successor else None,
        )

    def nested(self, name: str) -> tuple[Field, ...]:
        """Return the fields of an input class such as `WorkersScriptBindingArgs`."""
        return tuple(_fields(_class(self._inputs, name)))

    @cached_property
    def _inputs(self) -> str:
        return (self.folder / "_inputs.py").read_text(encoding="utf-8")


def installed_package() -> Package:
    """Return the package of this environment, without importing it; ModuleNotFoundError if it is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{PACKAGE} is not installed", name=PACKAGE)
    return Package(Path(spec.origin).parent)


def _snake(camel: str) -> str:
    return re.sub(r"(?<=.)(?=[A-Z])", "_", camel).lower()


def _class(text: str, name: str) -> ast.ClassDef:
    start = re.search(rf"^class {name}[:(]", text, re.MULTILINE)
    if start is None:
        raise LookupError(f"{PACKAGE} has no class {name}")
    end = BOUNDARY.search(text, start.end())
    (found,) = ast.parse(text[start.start() : end.start() if end else len(text)]).body
    assert isinstance(found, ast.ClassDef)  # noqa: S101 the text starts with `class`
    return found


def _fields(cls: ast.ClassDef) -> Iterator[Field]:
    documented = {getter.name: getter for getter in _getters(cls)}
    for node in cls.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
                getter = documented[argument.arg]
                yield Field(_wire_name(getter), _type(argument.annotation), default is None, _values(getter))


def _getters(cls: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    """Yield the functions decorated with `pulumi.getter`, with or without a name."""
    for node in cls.body:
        if isinstance(node, ast.FunctionDef) and any(ast.unparse(each).startswith(GETTER) for each in node.decorator_list):
            yield node


def _wire_name(getter: ast.FunctionDef) -> str:
    for decorator in getter.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == GETTER:
            return str(ast.literal_eval(decorator.keywords[0].value))
    return getter.name


def _values(getter: ast.FunctionDef) -> tuple[str, ...]:
    listed = VALUES.search(ast.get_docstring(getter) or "")
    # The generator took pairs of underscores for emphasis: "durable*object*namespace".
    return tuple(value.strip('"') for value in listed[1].replace("*", "_").split(", ")) if listed else ()


def _type(annotation: ast.expr | None) -> Type:
    """Return what an annotation such as `pulumi.Input[Optional[Sequence[pulumi.Input['QueueArgs']]]]` allows."""
    match annotation:
        case ast.Constant(value=str(name)):
            return Nested(name)
        case ast.Attribute(value=ast.Name(id="_builtins"), attr=attr) if attr in SCALARS:
            return Scalar(SCALARS[attr])
        case ast.Subscript(value=ast.Attribute(attr="Input") | ast.Name(id="Optional"), slice=inner):
            return _type(inner)
        case ast.Subscript(value=ast.Name(id="Sequence"), slice=inner):
            return Items(_type(inner))
        case ast.Subscript(value=ast.Name(id="Mapping"), slice=ast.Tuple(elts=[_, inner])):
            return Entries(_type(inner))
    return None
