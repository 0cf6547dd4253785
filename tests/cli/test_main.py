"""The command line as a whole: quick, documented, and clear about what went wrong."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests.cli.ran import Run
from tramontane import __version__, cli

COMMANDS_PAGE = Path(__file__).parent.parent.parent / "docs" / "commands.md"


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield each command that does something, by its full name."""
    children = getattr(command, "commands", None)
    if children is None:
        yield name, command
        return
    for word, child in children.items():
        yield from commands(child, f"{name} {word}")


COMMANDS = dict(commands(typer.main.get_command(cli.app), "tramontane"))


def test_there_are_the_commands_we_promise() -> None:
    promised = """serve, usage, standin openai, project create, project list, project show,
        project set, project close, project open, key create, key list, key revoke, member list,
            member invite, member reset, member disable, member enable, budget set,
        budget list, budget clear, model add, model list, model show, model deploy, model undeploy,
        model rm, verify, library list, library create, library add, library show, library search,
        library rm, project policy, key policy, provider add, provider list, provider kinds,
        provider test, provider serve, provider rm, route add, route list, route rm, drill,
        independence, catalog search, catalog show, catalog compare, catalog sources,
        catalog update, catalog add, catalog rm, catalog check, engines, model pull, model pulls,
        project top-up, publication add, publication list, publication show, publication change,
        publication withdraw, publication accept, publication end, statement"""
    assert {f"tramontane {' '.join(name.split())}" for name in promised.split(",")} == {*COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_prints_json_and_explains_itself(name: str) -> None:
    parameters = COMMANDS[name].params
    options = {option for parameter in parameters for option in parameter.opts}
    assert "--json" in options
    needs_no_data = "standin" in name or name == "tramontane provider kinds"
    assert needs_no_data or {"--data", "--config"} <= options
    assert COMMANDS[name].help
    assert all(parameter.help for parameter in parameters if "--help" not in parameter.opts)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name: str) -> None:
    page = COMMANDS_PAGE.read_text()
    assert f"### `{name}" in page, "give the command a section in docs/commands.md"
    section = page.split(f"### `{name}", 1)[1].split("\n### ", 1)[0].split("\n## ", 1)[0]
    shared = {"--json", "--data", "--config", "--help"}
    for parameter in COMMANDS[name].params:
        for option in {*parameter.opts} - shared:
            assert option.upper() in section.upper(), f"{option} is missing in {name}'s section"


def test_no_documented_command_is_gone() -> None:
    lines = [line for line in COMMANDS_PAGE.read_text().splitlines() if line.startswith("### `")]
    for line in lines:
        assert any(line.startswith(f"### `{name}") for name in COMMANDS), line
    assert len(lines) == len(COMMANDS)


def test_help_imports_nothing_slow() -> None:
    script = (
        "import sys; sys.argv = ['tramontane', '--help']\n"
        "from tramontane.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "slow = {'sqlalchemy', 'alembic', 'litestar', 'xllamacpp', 'uvloop', 'rich.table'}\n"
        "print(sorted(slow & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.endswith("\n[]\n"), done


def test_version_and_help(bare: Run, data_dir: Path) -> None:
    assert bare("--version").out == f"{__version__}\n"
    assert "project" in bare("--help").out
    assert bare().status == 2
    assert bare("nonsense").status == 2
    assert bare("project", "show").status == 2
    assert not data_dir.exists()


@pytest.mark.parametrize("command", ["usage", "project list", "key create a b", "model list"])
def test_where_there_is_no_data_folder_none_is_made(
    bare: Run, data_dir: Path, command: str
) -> None:
    refused = bare(*command.split())
    assert (refused.status, refused.out) == (1, "")
    assert refused.err == (
        f"error: there is no data folder {data_dir}: start the platform, or name its folder with"
        " --data or TRAMONTANE_DATA\n"
    )
    assert not data_dir.exists()


def test_what_begins_a_platform_makes_the_folder_that_is_named(
    bare: Run, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bare("project", "create", "one")
    assert first.status == 0
    assert str(data_dir) in first.err
    assert {"pepper", "tramontane.db"} <= {path.name for path in data_dir.iterdir()}
    assert bare("project", "list").err == ""
    monkeypatch.delenv("TRAMONTANE_DATA")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    refused = bare("project", "create", "two")
    assert refused.status == 1
    assert "--data" in refused.err
    assert not any((tmp_path / "elsewhere").iterdir())


def test_an_error_goes_to_stderr_with_status_1(run: Run, tmp_path: Path) -> None:
    refused = run("project", "show", "nobody", "--json")
    assert (refused.status, refused.out) == (1, "")
    assert refused.err.endswith("error: there is no project 'nobody'\n")
    config = tmp_path / "t.toml"
    config.write_text("[server]\nprot = 1\n")
    refused = run("project", "list", "--config", config)
    assert refused.status == 1
    assert refused.err.startswith(f"error: {config}: ")
    (tmp_path / "file").touch()
    refused = run("project", "list", "--data", tmp_path / "file")
    assert refused.status == 1
    assert "--data" in refused.err


def test_the_configuration_file_names_the_folder_and_the_option_wins(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRAMONTANE_DATA")
    config = tmp_path / "t.toml"
    config.write_text(
        f'data = "{tmp_path / "from-file"}"\ncurrency = "EUR"\n[limits]\nrequests_per_minute = 7\n'
    )
    made = run("project", "create", "one", "--config", config, "--json").json
    assert made["requests_per_minute"] == 7
    assert (tmp_path / "from-file" / "tramontane.db").exists()
    monkeypatch.setenv("TRAMONTANE_CONFIG", str(config))
    assert len(run("project", "list", "--json").json["data"]) == 1
    assert run("project", "create", "two", "--data", tmp_path / "other").status == 0
    assert len(run("project", "list", "--data", tmp_path / "other", "--json").json["data"]) == 1
    assert run("budget", "set", "one", "5", "--per", "day").out.count("EUR") == 3
