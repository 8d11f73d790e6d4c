"""`headroom conformance`."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from headroom.cli.console import FINE, REFUSED, Settings, errors_as_exit_codes, stop


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("conformance")(conformance)


def conformance(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where one process or pod takes calls: ws://127.0.0.1:8084.")],
    *,
    probes: Annotated[
        str | None,
        typer.Option("--probes", metavar="URL", help="Its port of probes and metrics; else http and 8081 of the same host."),
    ] = None,
    say: Annotated[
        str | None,
        typer.Option("--say", metavar="MESSAGE", help="A text message that it answers: then tokens and latencies count."),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option("--log", metavar="PATH", exists=True, dir_okay=False, help="Its output, which holds the usage events."),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--start", metavar="COMMAND", help="Starts it: tried here with less than the plan counts on.")
    ] = None,
    drain: Annotated[bool, typer.Option("--drain", help="Also drain it, which ends it.")] = False,
) -> None:
    """Hold a running workload of live calls against the session contract, by calls placed at it.

    Fills it to the last session: give a pod that nobody else calls. Nothing ends but what --drain ends.
    Ends with 1 where a rule is broken. The rules: docs/contract.md.
    """
    settings: Settings = context.obj
    with errors_as_exit_codes():
        import asyncio

        from capacity.sizing.pods import Probes
        from headroom.conformance.run import Probing
        from headroom.conformance.run import conformance as probed
        from headroom.conformance.service import Service
        from headroom.conformance.terminal import findings_document, show_findings

        host = urlsplit(url).hostname or ""
        own = f"http://{f'[{host}]' if ':' in host else host}:{Probes().port}"
        service = Service(url, own if probes is None else probes)
        findings = asyncio.run(probed(service, Probing(say, log, start, drain), settings.say))
        if settings.as_json:
            settings.answer({"calls": service.calls, "probes": service.probes, "rules": findings_document(findings)})
        else:
            show_findings(findings, settings.console())
    stop(REFUSED if any(finding.verdict == "broken" for finding in findings) else FINE)
