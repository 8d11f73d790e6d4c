"""What every command shares: where text goes, and how a command ends."""

import json
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import Console

FINE, REFUSED, BAD_INPUT, TOOL_FAILED, INTERRUPTED, READER_LEFT = 0, 1, 2, 3, 130, 141


@dataclass(frozen=True)
class Settings:
    """The global options."""

    as_json: bool = False
    quiet: bool = False
    as_of: date | None = None

    def say(self, text: str) -> None:
        """Print a message for the person who waits; never on stdout, which belongs to the answer."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    def answer(self, document: dict[str, Any]) -> None:
        """Print the one JSON document of a command."""
        print(json.dumps(document, indent=2, sort_keys=True))

    def console(self) -> "Console":
        """Return a console on stdout; without colours where NO_COLOR is set or it is no terminal."""
        from rich.console import Console

        class Stdout(Console):
            def on_broken_pipe(self) -> None:
                raise BrokenPipeError  # rich would end with 1, which says refused

        return Stdout(width=None if sys.stdout.isatty() else 140, highlight=False, soft_wrap=False, emoji=False)


def stop(code: int) -> NoReturn:
    """End the command with an exit code."""
    raise typer.Exit(code)


@contextmanager
def errors_as_exit_codes() -> Iterator[None]:
    """Turn what the rooms raise into a message on stderr and an exit code: 2 for bad input, 3 for a tool or a defect of ours.

    A reader that left (`headroom plan local | head`) ends the command as it ends others: with 128 + SIGPIPE.
    """
    from headroom.blueprint.folder import FolderInUse
    from headroom.calibrate.errors import PrometheusFailed
    from headroom.conformance.errors import ServiceFailed
    from headroom.forecast.errors import ForecastError
    from headroom.local.errors import ToolFailed, ToolMissing
    from headroom.located import BadInput

    try:
        yield
    except (BadInput, ForecastError, FolderInUse) as bad:
        print(f"error: {bad}", file=sys.stderr)
        stop(BAD_INPUT)
    except (ToolMissing, ToolFailed, PrometheusFailed, ServiceFailed) as missing:
        print(f"error: {missing}", file=sys.stderr)
        stop(TOOL_FAILED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        stop(READER_LEFT)
    except OSError as refused:
        print(f"error: {refused.filename or 'output'}: {refused.strerror or refused}", file=sys.stderr)
        stop(BAD_INPUT if refused.filename else TOOL_FAILED)
    except typer.Exit:
        raise
    except Exception:  # noqa: BLE001  # 1 would say that the gate refuses
        traceback.print_exc()
        print("error: this is a defect of headroom; the lines above say where", file=sys.stderr)
        stop(TOOL_FAILED)
