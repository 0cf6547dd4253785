"""What is refused in the configuration file: names that stand in addresses, headers and files,
and addresses that no browser would send.
"""

from pathlib import Path

import pytest

from tramontane import config
from tramontane.errors import ConfigError

URL = 'url = "http://127.0.0.1:1/v1"'


def load(path: Path, text: str) -> config.Settings:
    path.write_text(text)
    return config.load(path, {})


@pytest.mark.parametrize("name", ["large", "gpt-4o", "meta/Llama-3.1", "mistral:7b", "a@b+c"])
def test_a_model_served_elsewhere_may_be_named_as_models_are(name: str, tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    assert name in load(file, f'[deployments."{name}"]\n{URL}\n').deployments
    assert name in load(file, f'[routes."{name}"]\ndeployments = ["x"]\n').routes


@pytest.mark.parametrize("name", ["", "a b", "a\\nb", "../x", "-x", "é", "x" * 300, '\\"'])
def test_other_names_are_refused(name: str, tmp_path: Path) -> None:
    for text in (
        f'[deployments."{name}"]\n{URL}\n',
        f'[deployments."{name}"]\nmodel = "m"\n',
        f'[routes."{name}"]\ndeployments = ["x"]\n',
    ):
        with pytest.raises(ConfigError, match="a name begins with a letter or digit"):
            load(tmp_path / "t.toml", text)


@pytest.mark.parametrize("name", ["a/b", "a:b"])
def test_a_model_served_here_has_a_name_that_a_file_can_have(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a name begins"):
        load(tmp_path / "t.toml", f'[deployments."{name}"]\nmodel = "m"\n')


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("public_url", "ai.example.org"),
        ("public_url", "https://ai.example.org/"),
        ("public_url", "https://ai.example.org/chat"),
        ("public_url", "https://AI.example.org"),
        ("public_url", "https://ai.example.org:443"),
        ("public_url", "http://ai.example.org:80"),
        ("public_url", "ftp://ai.example.org"),
        ("public_url", "https://ada:secret@ai.example.org"),
        ("trusted_proxies", ["proxy"]),
        ("trusted_proxies", ["10.0.0.1/8"]),
    ],
)
def test_where_people_reach_it_is_written_as_browsers_do(setting: str, value: object) -> None:
    with pytest.raises(ConfigError) as refused:
        config.load(None, {f"server.{setting}": value})
    assert f"server.{setting}" in refused.value.message
    assert "secret" not in refused.value.message


def test_what_stands_in_front_may_be_said() -> None:
    given = {"public_url": "https://ai.example.org:8443", "trusted_proxies": ["::1", "10.0.0.0/8"]}
    found = config.load(None, {f"server.{name}": value for name, value in given.items()}).server
    assert (found.public_url, found.trusted_proxies) == (given["public_url"], ("::1", "10.0.0.0/8"))


@pytest.mark.parametrize(
    ("route", "said"),
    [
        ("deployments = []", "at least one"),
        ('deployments = ["a"]\nfallbacks = ["best"]', "itself"),
        ('deployments = ["a"]\nretries = 9', "retries"),
        ('deployments = ["a"]\ntimeout_s = 0', "timeout_s"),
        ('deployments = ["a"]\ndeadline_s = nan', "deadline_s"),
        ('deployments = [{deployment = "a", weight = -1}]', "weight"),
        ('deployments = [{deployment = "a", weight = 0}, "b"]', "above 0"),
        ('deployments = [{deployment = "a", wieght = 1}]', "wieght"),
        ('deployments = [{deployment = "a", when = {has_image = true}}]', "has_image"),
        (
            'deployments = [{deployment = "a", when = {max_prompt_tokens = -1}}]',
            "max_prompt_tokens",
        ),
    ],
)
def test_a_route_that_could_not_be_followed_is_refused(
    route: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path / "t.toml", f"[routes.best]\n{route}\n")
    assert said in str(refused.value)


@pytest.mark.parametrize("given", ["0", "-1", "nan", "2592001"])
def test_an_engine_stops_after_a_time_that_can_be(given: str, tmp_path: Path) -> None:
    text = f'[deployments.a]\nmodel = "m"\nscale_to_zero_after_s = {given}\n'
    with pytest.raises(ConfigError, match=r"deployments\.a\.scale_to_zero_after_s: must be above"):
        load(tmp_path / "t.toml", text)
    text = text.replace(given, "0.5")
    assert load(tmp_path / "t.toml", text).deployments["a"].scale_to_zero_after_s == 0.5


def test_only_an_engine_here_can_be_stopped(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="only the engine of a local model"):
        load(tmp_path / "t.toml", f"[deployments.a]\n{URL}\nscale_to_zero_after_s = 60\n")


@pytest.mark.parametrize(
    ("said", "context_tokens", "is_capable"),
    [
        (None, None, True),
        (None, 4_096, True),
        (None, 4_095, False),
        (True, 1_024, True),
        (False, 128_000, False),
    ],
)
def test_who_can_be_relied_on(
    said: bool | None, context_tokens: int | None, is_capable: bool
) -> None:
    settings = config.DeploymentSettings(capable=said)
    assert config.is_capable(settings, context_tokens) is is_capable
