"""PM2's ecosystem file: how the processes of one pod are started, restarted and ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from policies import documents
from policies.documents import WrongDocument
from policies.fleet import Live, session_container
from policies.stack import Place, Stack, WrongField, optional_annotation
from policies.workloads import configuration


@dataclass(frozen=True)
class Ecosystem:
    """The file of a Deployment's pods."""

    place: Place
    apps: tuple[Mapping[str, Any], ...]

    def numbers(self, name: str, at_least: int = 0) -> list[float]:
        """Return a figure of each app that has it; what is no number is `Unreadable`."""
        try:
            return [documents.number(app[name], name, at_least) for app in self.apps if app.get(name) is not None]
        except WrongDocument as error:
            raise _wrong(self.place, error) from None

    def of_each(self, name: str, at_least: int = 0) -> list[float]:
        """Return a figure that every app must have."""
        found = self.numbers(name, at_least)
        if len(found) < len(self.apps):
            raise _wrong(self.place, WrongDocument(f"an app lacks {name}"))
        return found


def ecosystem_of(stack: Stack, live: Live) -> Ecosystem | None:
    """Return the file that PM2 starts a Deployment's processes by; None where it does not start them."""
    kind, command = optional_annotation(live.deployment, "kind"), session_container(live).get("command")
    if kind is None or kind.text() != "pm2" or command is None or command[0].text() != "pm2-runtime":
        return None
    place = configuration(stack, live.deployment, "ecosystem.json")
    try:
        apps = documents.items(documents.mapping(documents.parse(place.text()), "it").get("apps"), "apps")
        return Ecosystem(place, tuple(documents.mapping(app, "an app") for app in apps))
    except WrongDocument as error:
        raise _wrong(place, error) from None


def _wrong(place: Place, error: WrongDocument) -> WrongField:
    return WrongField(place.resource.name, place.path, "PM2's ecosystem file", why=str(error))
