"""How a model's names become one: who published it, what it is called, which words are packaging.

The rules, in the order in which they work, are told in docs/catalogue-sources.md. All is a pure
function of the text. It does not know which models exist: `matching` compares.
"""

import re
from typing import NamedTuple

from tramontane.catalog.publishers import EQUAL, PACKAGERS, PUBLISHERS

_RUNS = re.compile(r"[a-z]+|\d+")
_SEPARATORS = re.compile(r"[\s/:@_]+")
_DATE = re.compile(r"[-@](20[12]\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])(?=-|$)")
# Bedrock's revisions: claude-3-haiku-v1:0 is the model, titan-embed-text-v2:0 its second version,
# mistral-7b-instruct-v0:2 its v0.2.
_REVISION = re.compile(r"(?:-(v?\d+))?:(\d+)(?::\w+)?$")
_SERVING_TAIL = re.compile(
    r":(free|beta|nitro|floor|online|extended|exacto|thinking|discounted)$|@default$"
)
_SERVING_WORD = re.compile(r"-(?:maas|tput|thinking-disabled)$")
_LATEST = re.compile(r"[-_]latest$")
_QUANTISATION = (
    r"(?:(?:i|ud-?|imatrix-|weighted-)?q[2-8](?:[_-](?:[0-9]|k|nl|xs|xxs)(?:[_-](?:xxs|xs|s|m|l|xl))?)?"
    r"|iq[1-4][_-]?(?:xxs|xs|s|m|nl)|tq[12][_-]0|mxfp[48]|nvfp4|nf4|fp[48]|f16|f32|fp16|fp32|bf16"
    r"|int[48]|[48]-?bits?|w[48]a(?:16|8)|q[48]f16|8bpw|exl[23]"
    r"|(?:bnb|awq|gptq|mlx|autoround|gguf|ggml|hqq|aqlm|dynamic-fp8|fp8-dynamic|smashed)"
    r"(?:-(?:int[48]|[48]bits?|w[48]a16))?|quantized(?:\.w\d+a\d+)?|i1|imat|imatrix|static|qat"
    r"|apex(?:-(?:i-)?(?:quality|balanced|compact|mini|nano))?|hf|tee|onnx|safetensors)"
)
_PACKAGING = re.compile(rf"[-._]{_QUANTISATION}$", re.IGNORECASE)
_PAIR = re.compile(r"^(?P<org>[A-Za-z0-9][A-Za-z0-9.-]*)_(?P<name>.+)$")


class Name(NamedTuple):
    """What a name says: `publisher` (None: nothing), `key` to compare by, `text` as one reads it.

    `key` is the runs of letters and of digits of what is left of the name without packaging, so
    that "Llama-3.1-8B" and "llama3-1-8b" are one, and 1.5B and 15B are not.
    """

    publisher: str | None
    key: str
    text: str


def key_of(text: str) -> str:
    """Return what names are compared by: their runs of letters and digits."""
    return "-".join(_RUNS.findall(text.lower()))


def publisher_of(name: str) -> str | None:
    """Return the publisher that `name` (an organisation at a hub, a company) stands for.

    None where it is a packager's or nothing is left of it: who repackages a model did not make it.
    """
    plain = re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.")
    found = PUBLISHERS.get(plain, plain)
    return None if not plain or plain in PACKAGERS or found in PACKAGERS else found


def is_packager(organisation: str) -> bool:
    """Return whether that organisation at a hub repackages the models of others."""
    return organisation.lower() in PACKAGERS


def without_packaging(name: str) -> str:
    """Return `name` without what says how the weights were packed: -GGUF, -AWQ, -Q4_K_M, -FP8."""
    while True:
        match = _PACKAGING.search(name)
        shorter = name[: match.start()] if match else name
        if shorter == name or not key_of(shorter):
            return name
        name = shorter


def without_date(name: str) -> tuple[str, str | None]:
    """Return `name` without the full date of a snapshot, and that date (ISO).

    Four digits stay: 2411 and 0324 are what makers call different weights.
    """
    match = _DATE.search(name)
    if match is None:
        return name, None
    return name[: match.start()] + name[match.end() :], "-".join(match.groups())


def plain(name: str) -> str:
    """Return `name` as it is compared: no packaging, no date of a snapshot, no way of serving."""
    text = name.strip().lower()
    text = _SERVING_TAIL.sub("", text)
    revision = _REVISION.search(text)
    if revision:
        text = text[: revision.start()] + _version(revision[1], revision[2])
    text = without_packaging(_SEPARATORS.sub("-", text).strip("-"))
    text, _date = without_date(_SERVING_WORD.sub("", text))
    return _LATEST.sub("-latest", without_packaging(text)).strip("-")


def _version(major: str | None, minor: str) -> str:
    """Return what a revision as Bedrock writes it adds to a name: nothing where it is the first."""
    if minor == "0":
        return "" if major in (None, "1", "v1") else f"-{major}"
    return f"-{major}.{minor}" if major is not None else f"-{minor}"


def named(publisher: str | None, name: str) -> Name:
    """Return what `name`, of that publisher where one is known, says.

    A publisher's own name before it is taken off where more is left: "nvidia-nemotron" of NVIDIA
    stays what everybody calls it, "meta-llama-3-8b" of Meta is "llama-3-8b".
    """
    text = plain(name)
    text = EQUAL.get((publisher, text), text)
    if publisher == "meta":
        text = re.sub(r"^meta-(?=llama)", "", text)
        text = re.sub(r"(-instruct)-(turbo|lite)$", r"\1", text)
    elif publisher == "alibaba":
        text = re.sub(r"(-instruct)-(turbo|lite)$", r"\1", text)
    elif publisher == "anthropic":
        text = text.removesuffix("-thinking")
        if re.search(r"opus|sonnet|haiku", text):
            is_dated = without_date(name.lower())[1] is not None  # then a revision says no more
            text = re.sub(r"-v[12]$" if is_dated else r"-v1$", "", text)
        text = _claude(text)
    elif publisher == "amazon" and "nova" in text:
        text = re.sub(r"^amazon-|-v1$", "", text)
    elif publisher == "google":
        text = re.sub(r"^gemini-(flash|pro)-(\d\.\d)(?=-|$)", r"gemini-\2-\1", text)
    elif publisher == "cohere":
        text = text.removeprefix("c4ai-").removeprefix("cohere-")
    elif publisher == "nvidia":
        text = text.removeprefix("nvidia-")
    elif publisher == "mistral":
        text = re.sub(r"^mistralai-(?=mi[sx]tral)", "", text)
    return Name(publisher, key_of(text), text)


def _claude(text: str) -> str:
    """Return Claude's name with the version last, as newer ones have it: "3-5-sonnet" too."""
    match = re.match(r"^claude-(\d+(?:[.-]\d+)?)-(opus|sonnet|haiku)(.*)$", text)
    if match and not match[3].lstrip("-").isdigit():
        return f"claude-{match[2]}-{match[1].replace('.', '-')}{match[3]}"
    return re.sub(r"^(claude-[a-z]+-\d+)\.(\d+)", r"\1-\2", text)


def of_pair(name: str) -> tuple[str, str] | None:
    """Return organisation and name of a packager's "ORG_NAME-GGUF", where it is written so."""
    match = _PAIR.match(name)
    if match is None or len(match["org"]) < 3 or _RUNS.findall(match["org"].lower())[-1].isdigit():
        return None
    return match["org"], match["name"]


def card_id(publisher: str | None, text: str) -> str:
    """Return the id of a card: `publisher/name`, "community" where nobody knows the publisher."""
    slug = re.sub(r"[^a-z0-9.+-]+", "-", text.lower()).strip("-.")
    return f"{publisher or 'community'}/{slug}"
