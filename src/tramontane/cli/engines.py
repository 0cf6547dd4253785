"""`tramontane engines`: what runs just now, once or again and again.

How busy engines are, the gateway tells on its private socket; where nothing answers there, the
rest is shown all the same.
"""

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from tramontane.cli.options import AsJson, ConfigFile, DataDir
from tramontane.cli.output import print_json, print_table
from tramontane.cli.platform import Platform, is_served, opened

if TYPE_CHECKING:
    from tramontane.studio.running import EngineList, EngineView, MachineView

EVERY_S = 2.0
_CLEAR = "\x1b[2J\x1b[H"  # the screen, and the cursor to its beginning
_COLUMNS = (
    "deployment", "state", "inside", "waiting", "last minute", "tokens/s", "memory", "cold start",
)  # fmt: skip


def engines(
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again every two seconds, until Ctrl-C.")
    ] = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Show what runs just now: state, places, who waits, speed and memory."""
    with opened(config, data) as platform:
        while True:
            found = _found(platform)
            if watch and not as_json and sys.stdout.isatty():
                sys.stdout.write(_CLEAR)
            if not is_served(platform.folder):
                print("the platform is not running: nothing of this answers", file=sys.stderr)
            _print(found, as_json=as_json)
            if not watch:
                return
            sys.stdout.flush()
            try:
                time.sleep(EVERY_S)
            except KeyboardInterrupt:
                return


def _found(platform: Platform) -> "EngineList":
    from tramontane.assistant.gateway_loads import loads
    from tramontane.assistant.gateway_states import GatewayStates
    from tramontane.studio import serving
    from tramontane.studio.running import EngineList, deployed, engine_views, machine_now

    socket_path = str(platform.folder.run.resolve() / "gateway.sock")
    found = serving.with_states(
        deployed(platform.settings, platform.store), GatewayStates(socket_path)()
    )
    return EngineList(machine_now(), engine_views(found, loads(socket_path)))


def _print(found: "EngineList", *, as_json: bool) -> None:
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    if found.machine is not None:
        print(_sentence(found.machine, found.data))
        print()
    print_table(_COLUMNS, map(_row, found.data), "No model is deployed.")


def _sentence(machine: "MachineView", engines: "list[EngineView]") -> str:
    from tramontane.engines.memory import gigabytes

    here = [each for each in engines if each.is_local]
    up = sum(each.state in ("ready", "asleep") for each in here)
    said = f"{up} of {len(here)} engines here answer"
    if machine.memory_total_bytes is not None:
        taken = sum(each.resident_bytes or 0 for each in here)
        said += f"; they take {gigabytes(taken)} of {gigabytes(machine.memory_total_bytes)}"
    return f"{said}; load {machine.load_1m:.1f} on {machine.cores} cores."


def _row(engine: "EngineView") -> list[Any]:
    from tramontane.engines.memory import gigabytes

    inside = engine.in_flight
    memory, cold_s = engine.resident_bytes, engine.cold_start_s
    return [
        engine.deployment,
        f"{engine.state}: {engine.message}" if engine.message else engine.state,
        inside if engine.slots is None or inside is None else f"{inside} of {engine.slots}",
        engine.waiting,
        engine.requests_last_minute,
        engine.tokens_per_s,
        None if memory is None else gigabytes(memory),
        None if cold_s is None else f"{cold_s:.1f} s",
    ]
