"""LocalAI's gallery: files of open models that can be fetched, with their SHA-256.

Most entries are somebody's repackaging. Whose model it is, the linked repositories tell, where one
of them is called as the entry or the packager's repository is; where none is, the publisher stays
unknown. Anybody may enter a model there: what is unsuitable is taken out later.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from tramontane.catalog import language_names, licences, naming
from tramontane.catalog.cards import Field, ModelFileFact, Source
from tramontane.catalog.languages import tags_of
from tramontane.catalog.publishers import TITLES, title_of
from tramontane.catalog.reading import Read, Reading, decoded, plain_text, present

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
_LOCALE = re.compile(r"(?<![a-z])([a-z]{2,3}[_-][A-Z]{2})(?![A-Za-z])")
_MODALITIES = (
    ({"text-to-image"}, "text", "image"),
    ({"image-generation"}, None, "image"),
    ({"image-to-image", "image-editing"}, "image", "image"),
    ({"text-to-video"}, "text", "video"),
    ({"image-to-video", "first-last-frame-to-video"}, "image", "video"),
    ({"video-generation"}, None, "video"),
    ({"text-to-speech", "tts", "text-to-audio"}, "text", "audio"),
    ({"voice-cloning", "music-generation"}, None, "audio"),
    ({"speech-recognition", "asr", "stt", "transcription", "speech-to-text"}, "audio", "text"),
    ({"reranker", "rerank", "text-ranking"}, "text", None),
    (
        {"object-detection", "face-recognition", "depth-estimation", "image-segmentation"},
        "image",
        None,
    ),
)
"""What goes in and out, by the tags that say it."""
_SIZE = re.compile(r"^(\d+(?:\.\d+)?)([bm])$")
_EXPERTS = re.compile(r"(?<![a-z0-9])\d+e(?![a-z0-9])", re.IGNORECASE)  # a size before: of one
_LABELLED_LICENCE = re.compile(r"^\W*licen[sc]e\W*:\W*([\w. -]{2,40}?)\.?\s*$", re.I | re.M)
_BASE = re.compile(r"^\W*base[ _]model\W*:\W*([\w.-]+/[\w.-]+)\W*$", re.IGNORECASE | re.MULTILINE)


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
        if _fetches_another(row):
            left_out["its file is another model's"] += 1
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


def _fetches_another(row: Mapping[str, Any]) -> bool:
    """Return whether an entry links the repository that it is called as, and fetches a file out of
    a packager's that is called otherwise.
    """
    linked, filed = _repositories(row)
    own = _key(None, row["name"])
    if own not in {_key(None, repository.split("/")[1]) for repository in linked}:
        return False
    pairs = [naming.of_pair(repository.split("/")[1]) for repository in filed]
    packed = {_key(None, pair[1]) for pair in pairs if pair is not None}
    return (
        bool(packed)
        and len(packed) == len(set(filed))
        and not any(own in name or name in own for name in packed)
    )


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
            "description": plain_text(row.get("description") or ""),
            "licence": licences.licence_id(row.get("license")) or _labelled_licence(row),
            "base_model": _base_model(row),
            "parameters": _parameters(row["name"], tags),
            "kind": kind,
            "weights_open": True,
            "abilities": abilities if kind in (None, "chat") else [],
            "languages": _languages(row, tags),
            **_modalities(kind, tags, abilities),
            "homepage": website,
        }
    )


def _labelled_licence(row: Mapping[str, Any]) -> str | None:
    """Return the licence of a line "License: …" that is one and nothing else."""
    found = _LABELLED_LICENCE.search(row.get("description") or "")
    licence = licences.licence_id(found[1]) if found else None
    return licence if licences.known(licence) is not None else None


def _base_model(row: Mapping[str, Any]) -> str | None:
    """Return the ORG/REPO of a line "Base model: …", unless it is what the entry itself packs."""
    found = _BASE.search(row.get("description") or "")
    if found is None:
        return None
    base = naming.key_of(naming.plain(found[1].split("/")[1]))
    own = naming.key_of(naming.plain(row["name"]))
    return None if base in own else found[1]


def _parameters(name: str, tags: set[str]) -> int | None:
    """Return the parameters by a tag such as "8b" that is in the name too: entries are made from
    one another, their tags with them. None where there are two, or none.
    """
    words = re.split(r"[-_ ]", name.lower())
    sizes = [size for tag in tags if tag in words and (size := _SIZE.match(tag)) is not None]
    if len(sizes) != 1 or _EXPERTS.search(name):
        return None
    return int(Decimal(sizes[0][1]) * {"b": 10**9, "m": 10**6}[sizes[0][2]])


def _languages(row: Mapping[str, Any], tags: set[str]) -> list[str]:
    """Return the languages that tags name; of a Piper voice that which its name says: "it_IT"."""
    codes = language_names.english()
    found = {codes[tag] for tag in tags if tag in codes}
    if "piper" in tags and len(set(places := _LOCALE.findall(row["name"]))) == 1:
        found.update(tags_of(places))
    return sorted(found)


def _modalities(kind: str | None, tags: set[str], abilities: Iterable[str]) -> dict[Field, Any]:
    if kind == "chat":
        inputs = {"text", "image"} if "vision" in abilities else {"text"}
        return {"input_modalities": sorted(inputs), "output_modalities": ["text"]}
    said = [(into, out) for words, into, out in _MODALITIES if tags & words]
    return {
        "input_modalities": sorted({into for into, _out in said if into is not None}),
        "output_modalities": sorted({out for _into, out in said if out is not None}),
    }


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
