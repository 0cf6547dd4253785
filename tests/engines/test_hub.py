"""Sources as people write them, and which of a repository's files is meant."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tramontane.engines.hub import (
    Fits,
    HubFile,
    Listing,
    Part,
    Source,
    find,
    model_name,
    models_in,
    parse_source,
    propose,
    quantisation_of,
)
from tramontane.errors import InvalidRequest, NotFound
from tramontane.store.names import check_name


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("hf:org/repo", Source("org/repo")),
        (" hf:org/repo:a.gguf ", Source("org/repo", "a.gguf")),
        ("hf:org/repo:sub/a.Q4_K_M.gguf", Source("org/repo", "sub/a.Q4_K_M.gguf")),
        ("hf:org/repo:q4_k_m", Source("org/repo", "q4_k_m")),
        ("hf:Org-1/Re.po_2@v1.0:a.GGUF", Source("Org-1/Re.po_2", "a.GGUF", "v1.0")),
        ("hf:org/repo@refs/pr/1", Source("org/repo", None, "refs/pr/1")),
    ],
)
def test_a_source_is_read_and_written(text: str, source: Source) -> None:
    assert parse_source(text) == source
    assert parse_source(source.text) == source


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "begin with hf:"),
        ("org/repo", "begin with hf:"),
        ("https://huggingface.co/org/repo", "page's address"),
        ("hf:repo", "one '/' between"),
        ("hf:org/repo/file.gguf", "one '/' between"),
        ("hf:../repo", "one '/' between"),
        ("hf:org/re..po", "no repository"),
        ("hf:org/repo:", "a file's path"),
        ("hf:org/repo:/etc/x.gguf", "a file's path"),
        ("hf:org/repo:../../x.gguf", "a file's path"),
        ("hf:org/repo:a\\b.gguf", "a file's path"),
        ("hf:org/repo:a\n.gguf", "a file's path"),
        ("hf:org/repo:model.safetensors", "only .gguf files"),
        ("hf:org/repo:pytorch_model.bin", "only .gguf files"),
        ("hf:org/repo@:a.gguf", "branch, tag or commit"),
        ("hf:org/repo@..:a.gguf", "branch, tag or commit"),
        ("hf:org/repo@a b", "branch, tag or commit"),
        ("hf:org/repo:" + "x" * 2_000, "too long"),
    ],
)
def test_what_is_none_says_how_to_write_it(text: str, why: str) -> None:
    with pytest.raises(InvalidRequest, match="Write hf:ORG/REPO") as caught:
        parse_source(text)
    assert why in caught.value.message and caught.value.code == "invalid_source"


PIECES = ["hf:", "org", "/", "repo", "@", "main", ":", "a.gguf", "..", "Q4_K_M", "\0", "é", "%2e"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).map("".join))
@example("hf:org/repo@main:org/a.gguf")
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    try:
        source = parse_source(text)
    except InvalidRequest:
        return
    assert parse_source(source.text) == source
    for part in (source.repository, source.revision, source.file or "x"):
        assert part and not part.startswith("/") and ".." not in part.split("/")
        assert "\0" not in part
    assert check_name("model", model_name(source))


def part(path: str, size: int = 1_000, sha256: str | None = "a" * 64) -> Part:
    return Part(path, size, sha256)


def listing(*paths: str | tuple[str, int]) -> Listing:
    parts = [part(each) if isinstance(each, str) else part(*each) for each in paths]
    return Listing(repository="org/repo", revision="c", is_gated=False, files=models_in(parts))


def test_split_files_are_one_and_what_is_no_model_is_left_out() -> None:
    found = listing(
        "README.md", "model.safetensors", "mmproj-model-f16.gguf", "m.imatrix.gguf",
        ("q8/m-Q8_0-00002-of-00003.gguf", 30), ("q8/m-Q8_0-00001-of-00003.gguf", 20),
        ("q8/m-Q8_0-00003-of-00003.gguf", 10), ("m-Q2_K-00001-of-00002.gguf", 5),
        ("m-00001-of-00001.gguf", 7), ("m-Q4_K_M.gguf", 40),
    ).files  # fmt: skip
    assert [(each.file, len(each.parts), each.size_bytes) for each in found] == [
        ("m-00001-of-00001.gguf", 1, 7),
        ("m-Q4_K_M.gguf", 1, 40),
        ("q8/m-Q8_0-00001-of-00003.gguf", 3, 60),
    ]
    assert [each.quantisation for each in found] == [None, "Q4_K_M", "Q8_0"]
    assert found[1].sha256 == "a" * 64 and found[2].sha256 is None


@pytest.mark.parametrize(
    ("path", "quantisation"),
    [
        ("Some-7B-Instruct-Q4_K_M.gguf", "Q4_K_M"),
        ("some.q8_0.gguf", "Q8_0"),
        ("UD-IQ2_XXS/x-00001-of-00002.gguf", "IQ2_XXS"),
        ("x-fp16.gguf", "F16"),
        ("x-bf16.gguf", "BF16"),
        ("gpt-oss-MXFP4_MOE.gguf", "MXFP4_MOE"),
        ("Qwen3-8B.gguf", None),
        ("Q4_K_Medium.gguf", "Q4_K"),
    ],
)
def test_a_quantisation_is_read_off_the_name(path: str, quantisation: str | None) -> None:
    assert quantisation_of(path) == quantisation


def proposed(found: Listing, verdicts: dict[str, Fits]) -> str:
    return propose(found, lambda model: verdicts.get(model.file, "yes")).file


def test_the_first_of_the_order_that_fits_is_proposed() -> None:
    names = ("x-Q2_K.gguf", "x-Q4_K_M.gguf", "x-Q5_K_M.gguf", "x-Q8_0.gguf", "x-F16.gguf")
    found = listing(*((name, 100 * (n + 1)) for n, name in enumerate(names)))
    assert proposed(found, {}) == "x-Q4_K_M.gguf"
    assert proposed(found, {"x-Q4_K_M.gguf": "no"}) == "x-Q5_K_M.gguf"
    every: Sequence[Fits] = ("yes", "tight", "tight", "no", "no")
    assert proposed(found, dict(zip(names, every, strict=True))) == "x-Q2_K.gguf"
    assert proposed(found, {**dict.fromkeys(names, "no"), "x-Q5_K_M.gguf": "tight"}) == (
        "x-Q5_K_M.gguf"
    )
    assert proposed(found, dict.fromkeys(names, "no")) == "x-Q2_K.gguf"
    assert proposed(found, dict.fromkeys(names, "unknown")) == "x-Q4_K_M.gguf"
    with pytest.raises(NotFound, match="no GGUF file"):
        proposed(listing("README.md"), {})


def test_a_file_is_found_by_path_part_or_quantisation_and_else_the_nearest_are_named() -> None:
    found = listing("x-Q4_K_M.gguf", ("b-00001-of-00002.gguf", 2), ("b-00002-of-00002.gguf", 3))
    assert find(found, "x-Q4_K_M.gguf").file == find(found, "q4_k_m").file == "x-Q4_K_M.gguf"
    whole: HubFile = find(found, "b-00002-of-00002.gguf")
    assert whole.file == "b-00001-of-00002.gguf"
    with pytest.raises(NotFound, match=r"the nearest are x-Q4_K_M\.gguf"):
        find(found, "x-Q4_K_S.gguf")
    with pytest.raises(NotFound, match="no GGUF file"):
        find(listing("README.md"), "Q4_K_M")
