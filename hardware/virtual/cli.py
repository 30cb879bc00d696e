"""``hexhaul virtual``: the processes that stand in for hardware and air."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Boards and the air between them, in software.")


@app.command()
def board(
    name: Annotated[str, typer.Option(help="the board's name, in the ether too")],
    firmware: Annotated[str, typer.Option(help="hotspot, sensor, or a folder with a main.py")],
    flash: Annotated[Path, typer.Option(help="folder that is the board's flash")],
    port_link: Annotated[Path, typer.Option(help="symlink to make for the serial port")],
    ether: Annotated[
        Path | None, typer.Option(help="the ether's socket; without it the radio has no antenna")
    ] = None,
    board_file: Annotated[str, typer.Option(help="board in hardware/boards")] = "devkit_rfm95",
    walk: Annotated[
        str | None, typer.Option(help="LAT,LNG,RADIUS_M,SPEED_MPS,SEED: a walk for GPS and ether")
    ] = None,
    analog: Annotated[
        list[str] | None, typer.Option(help="PIN=MICROVOLTS[:AMPLITUDE:PERIOD_S], a voltage at an ADC pin")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="event lines as JSON")] = False,
) -> None:
    """Run one board: real firmware on MicroPython, its serial port a pty."""
    from hardware.virtual.board.process import BoardOptions, BoardProcessError, run_board

    options = BoardOptions(
        name=name,
        firmware=firmware,
        flash=flash,
        port_link=port_link,
        ether=ether,
        board_file=board_file,
        walk=walk,
        analog=analog or [],
        as_json=as_json,
    )
    try:
        run_board(options)
    except BoardProcessError as error:
        typer.echo(f"virtual board {name}: {error}", err=True)
        raise typer.Exit(1) from None


@app.command()
def ether(
    socket: Annotated[Path, typer.Option(help="unix socket to serve boards on")],
    config: Annotated[Path, typer.Option(help="JSON: propagation and nodes")],
    log: Annotated[Path | None, typer.Option(help="file for a JSON line per transmission")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="event lines as JSON")] = False,
) -> None:
    """Run the air between the boards."""
    import asyncio

    from hardware.virtual.ether.server import main_async

    asyncio.run(main_async(socket, config, log, as_json))
