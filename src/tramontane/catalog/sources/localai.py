"""LocalAI's gallery: files of open models that can be fetched, with their SHA-256.

Most entries are somebody's repackaging. Whose model it is, the linked repositories tell, where one
of them is called as the entry or the packager's repository is; where none is, the publisher stays
unknown. Anybody may enter a model there: what is unsuitable is taken out later.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tramontane.catalog import licences, naming
from tramontane.catalog.cards import Field, ModelFileFact, Source
from tramontane.catalog.languages import tags_of
from tramontane.catalog.publishers import TITLES, title_of
from tramontane.catalog.reading import Read, Reading, decoded, present

SOURCE = Source(
    id="localai",
    title="LocalAI gallery",
    version="82c191afadf5f005281e798ccfa0ffd0d5805030",
    date="2026-08-22",
    licence="MIT",
)
FILE = "localai_gallery.json"
FILES = (FILE,)
_HUB = re.compile(r"^(?:huggingface://|https?://(?:www\.)?huggingface\.co/)([\w.-]+)/([\w.-]+)")
_FILE = re.compile(
    r"^(?:huggingface://|https?://huggingface\.co/)([\w.-]+/[\w.-]+)/(?:resolve/[\w.-]+/)?(.+)$"
)
_QUANTISATION = re.compile(
    r"(?:^|[-._/])((?:UD-)?I?Q[1-8](?:_(?:K|[01]|NL|XXS|XS|S|M))?(?:_(?:XXS|XS|S|M|L|XL))?"
    r"|IQ\d_\w+|BF16|F16|F32|FP16|MXFP4|TQ\d_0)(?:[-._]|$)",
    re.IGNORECASE,
)
_WHISPER = "ggerganov/whisper.cpp"  # its files say which of OpenAI's they are
_KINDS = (
    ("embedding", {"embedding", "embeddings", "sentence-embedding", "face-embedding"}),
    ("rerank", {"reranker", "rerank", "text-ranking"}),
    ("video", {"text-to-video", "image-to-video", "video-generation"}),
    ("image", {"text-to-image", "image-generation", "image-to-image"}),
    ("speech", {"text-to-speech", "tts", "voice-cloning", "text-to-audio", "music-generation"}),
    ("transcription", {"speech-recognition", "asr", "stt", "transcription", "speech-to-text"}),
    (
        "vision",
        {"depth-estimation", "object-detection", "face-recognition", "segmentation", "camera-pose"},
    ),
    ("chat", {"llm", "chat", "instruction-tuned", "conversational"}),
)
_ABILITIES = {
    "vision": {"vision", "multimodal", "image-to-text", "vlm"},
    "tools": {"function-calling", "tools", "tool-use", "tool-calling"},
    "reasoning": {"reasoning", "thinking"},
    "code": {"code", "coding"},
    "mathematics": {"math", "mathematics"},
    "multilingual": {"multilingual"},
}
_LANGUAGES_WORDS = "english chinese french german spanish italian portuguese japanese"
_LANGUAGES = frozenset(_LANGUAGES_WORDS.split())
_SIZE = re.compile(r"^(\d+(?:\.\d+)?)b$")


def read(files: Mapping[str, bytes]) -> Read:
    """Return what the gallery holds. Raises InvalidRequest."""
    rows = [row for row in decoded(files[FILE], SOURCE.id) if row.get("name")]
    gallery = Gallery(_shared_repositories(rows), _makers(rows))
    left_out: Counter[str] = Counter()
    readings: list[Reading] = []
    for row in rows:
        if "repackaged" in str(row.get("urls")).lower():
            left_out["a repackaging of several models"] += 1
            continue
        if not row.get("files") and not row.get("urls"):
            left_out["a template without files"] += 1
            continue
        readings.append(_reading(row, gallery))
    return Read(source=SOURCE, readings=tuple(readings), left_out=left_out)


class Gallery(NamedTuple):
    """What only all entries together tell: repositories that hold several models, in lower case,
    and organisations that publish weights which nobody has packed.
    """

    shared: frozenset[str]
    makers: frozenset[str]


def quantisation_of(path: str) -> str | None:
    """Return how a file's weights are packed, as its name says; None where it does not."""
    found = _QUANTISATION.search(path.rsplit("/", 1)[-1])
    return found[1].upper() if found else None


def _repositories(row: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return the repositories at the hub that the entry links, and those its files lie in."""
    linked = [f"{m[1]}/{m[2]}" for url in row.get("urls") or () if (m := _HUB.match(url))]
    filed = [f"{m[1]}/{m[2]}" for f in row.get("files") or () if (m := _HUB.match(f["uri"]))]
    return linked, filed


def _makers(rows: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return the words of publishers: the known ones, and who links weights as they were made."""
    found = set(TITLES)
    for row in rows:
        for repository in (*_repositories(row)[0], *_repositories(row)[1]):
            org, name = repository.split("/")
            publisher = naming.publisher_of(org)
            if publisher is not None and naming.without_packaging(name) == name:
                found.add(publisher)
    return frozenset(found)


def _shared_repositories(rows: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return repositories that hold files of differently named models."""
    names: dict[str, set[str]] = {}
    for row in rows:
        own = naming.key_of(naming.plain(row["name"]))
        for repository in set(_repositories(row)[1]):
            names.setdefault(repository.lower(), set()).add(own)
    return frozenset(repository for repository, found in names.items() if len(found) > 1)


def _key(publisher: str | None, name: str) -> str:
    return naming.named(publisher, name).key


def _reading(row: Mapping[str, Any], gallery: Gallery) -> Reading:
    publisher, name, repository = _identity(row, gallery)
    is_alone = publisher is None and not _is_named_as_its_file(row)
    facts = _facts(row)
    if publisher is not None and not _is_whisper(row):
        facts["publisher"] = (
            title_of(publisher) if publisher in TITLES else _spelled(row, publisher)
        )
    if not _is_whisper(row):
        facts["name"] = naming.without_packaging(name)
    if repository is not None:
        facts["repository"] = repository
    return Reading(
        source=SOURCE.id,
        record=row["name"],
        publisher=publisher,
        name=name,
        repository=repository,
        names=() if publisher is not None or is_alone else _guesses(name),
        is_alone=is_alone,
        is_certain=True,
        facts=facts,
        aliases=(row["name"],),
        files=tuple(_file(entry) for entry in row.get("files") or ()),
        community=True,
        text=row.get("description") or "",
        organisations=_organisations(row),
        tags=tuple(str(tag).lower() for tag in row.get("tags") or ()),
    )


def _organisations(row: Mapping[str, Any]) -> tuple[str, ...]:
    linked, filed = _repositories(row)
    names = [repository.split("/") for repository in (*linked, *filed)]
    pairs = [pair[0] for _org, name in names if (pair := naming.of_pair(name)) is not None]
    return tuple(sorted({org.lower() for org in (*(org for org, _name in names), *pairs)}))


def _is_named_as_its_file(row: Mapping[str, Any]) -> bool:
    """Return whether an entry is called as what it fetches: "whisper-1" fetches another model."""
    own = _key(None, row["name"])
    uris = [entry["uri"] for entry in row.get("files") or ()]
    names = [repository.split("/")[1] for repository in _repositories(row)[1][:1]]
    names += [re.sub(r"\.\w{2,12}$", "", uri.rsplit("/", 1)[-1]) for uri in uris]
    names += [pair[1] for name in names if (pair := naming.of_pair(name)) is not None]
    return own in {_key(None, name) for name in names}


def _guesses(name: str) -> tuple[tuple[str | None, str], ...]:
    """Return where else to look for a model whose publisher is unknown: by its family's name."""
    from tramontane.catalog.offernames import family_of

    family = family_of(naming.plain(name))
    return ((family, name),) if family else ()


def _spelled(row: Mapping[str, Any], publisher: str) -> str:
    linked, filed = _repositories(row)
    for repository in (*linked, *filed):
        head = repository.split("/")[0]
        if naming.publisher_of(head) == publisher:
            return head
    return publisher


def _identity(row: Mapping[str, Any], gallery: Gallery) -> tuple[str | None, str, str | None]:
    """Return publisher, name and repository as far as they are certain.

    In this order: the one linked repository that is called as the entry or as a packager's; the
    organisation in a packager's "ORG_NAME"; the maker in whose repository the first file lies.
    """
    linked, filed = ([r for r in found if not _is_shared_parts(r)] for found in _repositories(row))
    if _is_whisper(row):
        stem = row["files"][0]["uri"].rsplit("/", 1)[-1].removesuffix(".bin")
        return "openai", "whisper-" + stem.removeprefix("ggml-"), None
    packed = [r for r in (*linked, *filed) if naming.is_packager(r.split("/")[0])]
    made = [r for r in dict.fromkeys((*linked, *filed)) if r not in packed]
    pairs = [pair for r in packed if (pair := naming.of_pair(r.split("/")[1])) is not None]
    single = [r for r in packed if r.lower() not in gallery.shared]
    found = _called_so(row["name"], single, pairs, made)
    if len(found) == 1:
        repository = found[0]
        publisher, name = naming.publisher_of(repository.split("/")[0]), repository.split("/")[1]
        is_plain = naming.without_packaging(name) == name
        if is_plain or publisher in gallery.makers:
            return publisher, name, repository if is_plain else None
        return None, naming.without_packaging(name), None
    for org, name in pairs:
        publisher = naming.publisher_of(org)
        if publisher in gallery.makers:
            return publisher, naming.without_packaging(name), None
    main = filed[0] if filed else None
    if main is None or main not in made:
        return None, row["name"], None
    org, name = main.split("/")
    publisher = naming.publisher_of(org)
    if main.lower() in gallery.shared:
        name = row["name"]
    elif found:
        return None, row["name"], None
    return publisher if publisher in gallery.makers else None, name, None


def _is_shared_parts(repository: str) -> bool:
    """Return whether a repository holds parts for several models: Wan_2.1_ComfyUI_repackaged."""
    return repository.lower().endswith("repackaged")


def _is_whisper(row: Mapping[str, Any]) -> bool:
    return _repositories(row)[1][:1] == [_WHISPER]


def _called_so(
    entry: str, packed: Iterable[str], pairs: Iterable[tuple[str, str]], made: Iterable[str]
) -> list[str]:
    """Return one repository for each maker's model that is called as the entry is, or as what a
    packager packed.
    """
    names = [entry, *(r.split("/")[1] for r in packed)]
    names += [naming.without_packaging(name) for _org, name in pairs]
    found: dict[tuple[str | None, str], str] = {}
    for repository in made:
        org, name = repository.split("/")
        publisher = naming.publisher_of(org)
        own = _key(publisher, name)
        if own in {_key(publisher, other) for other in names}:
            plain = naming.without_packaging(name) == name
            if plain or (publisher, own) not in found:
                found[publisher, own] = repository
    return list(found.values())


def _facts(row: Mapping[str, Any]) -> dict[Field, Any]:
    tags = {str(tag).lower() for tag in row.get("tags") or ()}
    kind = next((kind for kind, words in _KINDS if tags & words), None)
    website = next(
        (
            url
            for url in row.get("urls") or ()
            if url.startswith("https://") and not _HUB.match(url)
        ),
        None,
    )
    abilities = sorted(ability for ability, words in _ABILITIES.items() if tags & words)
    return present(
        {
            "description": _plain_text(row.get("description") or ""),
            "licence": licences.licence_id(row.get("license")),
            "kind": kind,
            "weights_open": True,
            "abilities": abilities if kind in (None, "chat") else [],
            "languages": tags_of(tags & _LANGUAGES),
            "homepage": website,
        }
    )


def _plain_text(markdown: str) -> str:
    """Return the first paragraph of prose, without markup."""
    text = re.sub(r"```.*?```|<[^>]+>|!\[[^\]]*\]\([^)]*\)", " ", markdown, flags=re.DOTALL)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    for paragraph in re.split(r"\n\s*\n", text):
        lines = [line.strip() for line in paragraph.splitlines()]
        prose = " ".join(line for line in lines if line and line[0] not in "#>|-*=[")
        if len(prose) > 40:
            return re.sub(r"[*`]{1,3}|(?<!\w)_+|_+(?!\w)", "", re.sub(r"\s+", " ", prose)).strip()
    return ""


def _file(entry: Mapping[str, Any]) -> ModelFileFact:
    uri = entry["uri"]
    found = _FILE.match(uri)
    sha256 = (entry.get("sha256") or "").lower()
    return ModelFileFact(
        uri=f"hf:{found[1]}:{found[2]}" if found else uri,
        source=SOURCE.id,
        sha256=sha256 if re.fullmatch(r"[0-9a-f]{64}", sha256) else None,
        quantisation=quantisation_of(uri),
    )
