"""`headroom cells`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headroom.cli.console import FINE, REFUSED, Settings, errors_as_exit_codes, stop
from headroom.cli.plan import Environment

if TYPE_CHECKING:
    from capacity.cells.fleet import CellPlan, FleetPlan


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("cells")(cells)


def cells(
    context: typer.Context,
    environment: Environment,
    *,
    write: Annotated[
        bool,
        typer.Option(
            "--write",
            help="Write spec and lock of every cell: stacks/Pulumi.<ENV>-<CELL>.yaml (secrets and target stay), its forecast.",
        ),
    ] = False,
) -> None:
    """Divide an environment into the cells of its spec, so that the loss of any one is survived.

    Each cell is an environment of its own, planned for its share after the worst loss. Ends with 1 where something falls short.
    """
    settings: Settings = context.obj
    with errors_as_exit_codes():
        from capacity.cells.fleet import plan_fleet
        from headroom.located import BadInput, Problem
        from headroom.review.cells import show_fleet
        from stacks.reading import forecast_located, judged_day, read_lock, read_spec, spec_path

        spec, lock = read_spec(environment), read_lock(environment)
        if spec.cells is None:
            where = f"stacks/{spec_path(environment).name}"
            raise BadInput([Problem(where, None, "cells", "the spec lists none, so there is nothing to divide")])
        with forecast_located(environment):
            fleet = plan_fleet(spec, spec.cells, lock, judged_day(spec, settings.as_of, datetime.now(UTC)))
        if write:
            for cell in fleet.cells:
                for file in written(environment, cell):
                    settings.say(f"wrote {file}")
        if settings.as_json:
            settings.answer({"environment": environment, **fleet.document()})
        else:
            show_fleet(fleet, settings.console())
    stop(REFUSED if _short(fleet) else FINE)


def _short(fleet: "FleetPlan") -> bool:
    return bool(fleet.shortfalls) or any(cell.shortfalls for cell in fleet.cells)


def written(environment: str, cell: "CellPlan", root: Path | None = None) -> tuple[Path, Path]:
    """Write a cell's spec and lock, and return their paths in the project.

    What its file has besides the spec stays (its secrets), and so does the spec's `target`: where a cell is deployed is its own.
    """
    import yaml

    from capacity.cells.division import cell_document
    from headroom.forecast.lock import write_lock
    from stacks.reading import ROOT, SPEC_KEY, lock_path, read_spec_document, spec_path

    name, project = f"{environment}-{cell.name}", root or ROOT
    spec_file, lock_file = spec_path(name, project), lock_path(name, project)
    before = yaml.safe_load(spec_file.read_text(encoding="utf-8")) if spec_file.is_file() else {}
    config = before.get("config", {})
    target = {key: value for key, value in config.get(SPEC_KEY, {}).items() if key == "target"}
    spec = cell_document(read_spec_document(environment, project), cell.spec) | target
    document = before | {"config": config | {SPEC_KEY: spec}}
    head = (
        f"# One cell of {environment}, made by: headroom cells {environment} --write. Change {environment} and make it again.\n"
    )
    spec_file.write_text(head + yaml.safe_dump(document, sort_keys=False, width=130), encoding="utf-8")
    write_lock(cell.plan.lock.model_copy(update={"environment": name}).sealed(), lock_file)
    return spec_file.relative_to(project), lock_file.relative_to(project)
