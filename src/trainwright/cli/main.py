"""The command line: ``trainwright COMMAND``; each command stands in a module of its own.

Nothing heavy is imported here or at the top of a command's module, so that help, ``rules``, ``explain``, ``runs`` and
``diagnose`` start in well under half a second; a test holds that they never import torch.
"""

from __future__ import annotations

from typing import Annotated

import typer

from trainwright.cli import audit, check, demo, diagnose, explain, rules, run, runs, watch

app = typer.Typer(
    name="trainwright",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=(
        "Exit codes: [bold]0[/] clean · [bold]1[/] findings, or a shut gate · [bold]2[/] wrong use · "
        "[bold]3[/] a fault of trainwright itself (a log is kept) · [bold]130[/] interrupted, can be resumed."
    ),
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"trainwright {version('trainwright')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """From a pile of data to a neural network you can trust.

    [bold]trainwright run digits[/]             the whole way on bundled data
    [bold]trainwright run mydata.csv[/]         the same on your own table
    [bold]trainwright check train.py[/]         try out your own script's model before it trains
    [bold]trainwright watch train.py[/]         your own training script, unchanged, watched while it runs
    [bold]trainwright diagnose log.csv[/]       what a training's log tells, whatever wrote it
    [bold]trainwright audit photos/[/]          only look at the data
    [bold]trainwright explain initial-loss[/]   what a check finds and why
    [bold]trainwright demo initial-loss[/]      an illness beside its healthy twin
    """


app.command("run")(run.command)
app.command("check", context_settings=check.PASS_ON)(check.command)
app.command("watch", context_settings=watch.CONTEXT)(watch.command)
app.command("diagnose")(diagnose.command)
app.command("audit")(audit.command)
app.command("explain")(explain.command)
app.command("demo")(demo.command)
app.command("rules")(rules.command)
app.command("runs")(runs.command)


def main() -> None:
    """Entry point of the ``trainwright`` script."""
    app()


if __name__ == "__main__":
    main()
