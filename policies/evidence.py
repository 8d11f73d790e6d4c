"""What the gate knows beside the stack: the lock, the floors and the day, each usable or not."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar

from policies.adoption import Adoption, adoption_path, read_adoption
from policies.break_glass import BreakGlass, Intact
from policies.documents import WrongDocument
from policies.floors import Floors, read_floors
from policies.lock import Lock, read_lock
from policies.stack import Unreadable

Evidence = TypeVar("Evidence")

_LARGEST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Unusable:
    """Evidence that a rule cannot use, and why. A rule that needs it refuses."""

    subject: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class Context:
    """The evidence of one judgement."""

    lock: Lock | Unusable
    floors: Floors | Unusable
    as_of: date | Unusable
    glass: BreakGlass | Intact | None = None
    """Whether somebody broke the glass."""
    adoption: Adoption | Unusable | None = None
    """What the stack already broke when the gate came to it; None where it has no adoption plan."""


def usable(evidence: Evidence | Unusable) -> Evidence:
    """Return evidence that can be used; raise `Unreadable` otherwise."""
    if isinstance(evidence, Unusable):
        raise Unreadable(evidence.subject, f"could not be judged: {evidence.reason}", evidence.remedy)
    return evidence


def load_context(
    lock: Path | None,
    floors: Path | None,
    as_of: date | str | None,
    glass: BreakGlass | Intact | None = None,
    *,
    adoption: Path | None = None,
) -> Context:
    """Return the evidence behind files and a day; what is missing or wrong becomes `Unusable`, never an exception.

    An adoption plan need not be there. It stands beside the lock, unless another file is given.
    """
    plan = adoption or (None if lock is None else adoption_path(lock))
    return Context(
        lock=_file(lock, "forecast lock", read_lock, "give the path of the environment's forecast lock"),
        floors=_file(floors, "floors", read_floors, "give the path of the organisation's floors file"),
        as_of=_day(as_of),
        glass=glass,
        adoption=_file(plan, "adoption plan", read_adoption, "correct it") if plan is not None and plan.exists() else None,
    )


def _file(path: Path | None, subject: str, read: Callable[[str], Evidence], remedy: str) -> Evidence | Unusable:
    if path is None:
        return Unusable(subject, "no path to it is configured", remedy)
    try:
        return read(_text(path))
    except WrongDocument as error:
        return Unusable(subject, f"{path.name}: {error}", f"correct {path.name}")
    except OSError as error:
        reason = f"{path.name} cannot be read ({error.strerror or type(error).__name__})"
    except UnicodeDecodeError:
        reason = f"{path.name} is not UTF-8"
    except Exception as error:  # noqa: BLE001  # evidence that breaks its reader must refuse, not end the gate
        reason = f"{type(error).__name__} while reading it"
    return Unusable(subject, reason, remedy)


def _text(path: Path) -> str:
    # A path may name a device or a file that never ends.
    with path.open("rb") as file:
        content = file.read(_LARGEST_BYTES + 1)
    if len(content) > _LARGEST_BYTES:
        raise WrongDocument(f"it is larger than {_LARGEST_BYTES >> 20} MiB")
    return content.decode()


def _day(as_of: date | str | None) -> date | Unusable:
    remedy = "give the day of the judgement, such as 2026-11-02"
    if as_of is None:
        return Unusable("as_of", "no day is configured", remedy)
    if isinstance(as_of, date):
        return as_of
    try:
        return date.fromisoformat(as_of)
    except ValueError:
        return Unusable("as_of", "it is not a day", remedy)
