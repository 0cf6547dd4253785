"""What the child that fetches a model says and is told: a line of JSON each.

It knows no hub, and nothing of how files are kept.
"""

import msgspec


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait, in seconds, and how often to try again where nothing comes at all."""

    read_timeout_s: float = 30.0
    retry_first_s: float = 1.0
    retry_most_s: float = 15.0
    tries: int = 5


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Fetch `source` into `folder`, which this child may fill and nobody else does.

    Where the source names no file, one is proposed that fits into `available_bytes` of memory
    (None: nobody knows). A file whose hash is in `known` is found, and not fetched.
    """

    url: str
    key: str | None = None
    ca_file: str | None = None
    source: str
    folder: str
    available_bytes: int | None = None
    known: tuple[str, ...] = ()
    patience: Patience = Patience()
    piece_bytes: int = 1 << 30


class Found(msgspec.Struct, frozen=True, kw_only=True, tag="found"):
    """What is fetched: `repository` is its name now, `revision` the commit, `file` the first part.

    `sha256` None: it has several parts, which are joined here.
    """

    repository: str
    revision: str
    file: str
    size_bytes: int
    quantisation: str | None = None
    sha256: str | None = None
    was_proposed: bool = False


class Described(msgspec.Struct, frozen=True, kw_only=True, tag="described"):
    """The header has been read, and checked, long before the rest is there."""

    architecture: str
    context_tokens: int | None
    shape: "Shape"


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What decides how much memory a model takes; numbers are 0 where its file does not say.

    `kv_heads` is the sum over all layers, `vocabulary` in tokens, `width` of the embedding.
    """

    file_bytes: int
    layers: int = 0
    heads: int = 0
    kv_heads: int = 0
    key_length: int = 0
    value_length: int = 0
    width: int = 0
    vocabulary: int = 0


class Fetching(msgspec.Struct, frozen=True, tag="fetching"):
    """So many of so many bytes are there."""

    done_bytes: int
    total_bytes: int


class Verifying(msgspec.Struct, frozen=True, tag="verifying"):
    """All bytes are there; so many have been compared with the hub's SHA-256."""

    done_bytes: int
    total_bytes: int


class Fetched(msgspec.Struct, frozen=True, tag="fetched"):
    """It is whole and verified, as `file` in the folder, whose hash is `sha256`."""

    file: str
    sha256: str


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """It cannot be had. `is_final`: not by trying again either. `spoils`: what is there is of no
    use and is to be deleted.
    """

    code: str
    message: str
    is_final: bool
    spoils: bool = False
    retry_after_s: float | None = None


Line = Found | Described | Fetching | Verifying | Fetched | Refused
