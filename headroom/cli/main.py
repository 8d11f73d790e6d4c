"""The command's entry point: global options, and one module a command."""

import sys
from datetime import date
from typing import Annotated

import typer

from headroom.cli.console import BAD_INPUT, INTERRUPTED, Settings

app = typer.Typer(
    name="headroom",
    help="Capacity plans for voice-AI fleets, the stack generated from them, and the gate that refuses "
    "one that cannot carry its burst.",
    epilog="Exit codes: 0 fine, 1 refused or infeasible, 2 bad input, 3 a tool is missing or failed, 130 interrupted. "
    "Global options may stand before or after the command.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
GLOBAL_FLAGS = ("--json", "--quiet", "-q")
GLOBAL_VALUES = ("--as-of",)


@app.callback()
def options(
    context: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout; messages go to stderr.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No messages, only the answer.")] = False,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="YYYY-MM-DD", help="The day to judge; else the example's pin, else today."),
    ] = None,
) -> None:
    """Keep the global options where every command finds them."""
    try:
        day = date.fromisoformat(as_of) if as_of is not None else None
    except ValueError:
        print(f"error: --as-of: {as_of!r} is not a day such as 2026-11-02", file=sys.stderr)
        raise typer.Exit(BAD_INPUT) from None
    context.obj = Settings(as_json=as_json, quiet=quiet, as_of=day)


def hoisted(arguments: list[str]) -> list[str]:
    """Return the arguments with the global options first, so that they may stand anywhere before a bare ``--``.

    >>> hoisted(["plan", "local", "--json", "--as-of", "2026-11-02"])
    ['--json', '--as-of', '2026-11-02', 'plan', 'local']
    """
    first: list[str] = []
    rest: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--":
            rest += [argument, *remaining]
        elif argument in GLOBAL_FLAGS or argument.startswith(tuple(f"{name}=" for name in GLOBAL_VALUES)):
            first.append(argument)
        elif argument in GLOBAL_VALUES:
            first += [argument, *([value] if (value := next(remaining, None)) is not None else [])]
        else:
            rest.append(argument)
    return first + rest


def main() -> None:
    """Run the command and leave with its exit code."""
    # Each registers its command on the app.
    from headroom.cli import (
        adopt,
        calibrate,
        cells,
        conformance,
        deliver,
        forecast,
        nodes,
        options,
        plan,
        report,
        review,
        rules,
        run,
        scale,
        simulate,
        spec,
        synth,
        tour,
    )

    for module in (
        calibrate,
        forecast,
        options,
        plan,
        cells,
        scale,
        run,
        synth,
        rules,
        review,
        report,
        adopt,
        deliver,
        simulate,
        conformance,
        nodes,
        spec,
        tour,
    ):
        module.add_to(app)
    try:
        app(args=hoisted(sys.argv[1:]), prog_name="headroom")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
