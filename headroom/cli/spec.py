"""`headroom spec schema`."""

import json

import typer


def add_to(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(
        help="The capacity spec: what stacks/Pulumi.<env>.yaml may say.", no_args_is_help=True, rich_markup_mode=None
    )
    group.command("schema")(schema)
    app.add_typer(group, name="spec")


def schema() -> None:
    """Print the JSON Schema of a stack file; stacks/spec.schema.json is its copy for editors."""
    from stacks.reading import stack_schema

    print(json.dumps(stack_schema(), indent=2, sort_keys=True))
