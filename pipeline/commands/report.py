"""The command `driftline report`."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import console
from pipeline.configuration.config_file import read_config
from pipeline.configuration.outfile import keep_apart, write
from pipeline.serving.page.report import chronicle_of, report

EXAMPLES = (
    "driftline report -c driftline.yaml --model car_loan -o report.html",
    "driftline report -c driftline.yaml --windows windows.ndjson --alerts alerts.ndjson -o report.html",
)


def report_command(
    config: Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration, YAML.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="The report, one HTML file.")],
    model: Annotated[str | None, typer.Option(help="Which model, where there are several.")] = None,
    windows: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Window records as replay writes them, instead of the topic.")
    ] = None,
    alerts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Alert events as replay writes them; with --windows.")
    ] = None,
) -> None:
    """Writes a model's page as one file that needs nothing else, to send to someone."""
    if alerts is not None and windows is None:
        raise typer.BadParameter("needs --windows, too", param_hint="--alerts")
    keep_apart([config, windows, alerts], [out])
    settings = read_config(config)
    if windows is None:
        from pipeline.serving.page.reader import read_all

        chronicle = read_all(settings)
    else:
        chronicle = chronicle_of(windows, alerts, settings.page.windows)
    html = report(chronicle, model, settings).encode()
    write(out, html)
    console.err.print(f"{out}: {len(html) // 1024:,} KiB", markup=False)
