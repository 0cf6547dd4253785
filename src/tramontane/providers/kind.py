"""What a kind of provider is: where it answers, in which dialect, and what is known of it.

Facts come with their source; what nobody has published stays None. One file each in `kinds`; to
add one, write such a file and name it in `registry`. It does not know models or prices.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from tramontane.config import Dialect, MaxTokensField, StreamUsage

Credential = Literal["key", "aws", "optional"]
"""What proves who asks. `aws`: an API key of Bedrock, or ACCESS_KEY_ID:SECRET_ACCESS_KEY with
:SESSION_TOKEN where there is one. `optional`: a key, or nothing.
"""


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """Where requests can be processed. `url` None: the kind's, with the region's name in it.

    `jurisdiction` is the country, EU for any of its members, None where it is not told.
    """

    name: str
    title: str
    jurisdiction: str | None = None
    url: str | None = None


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of provider. `url` is its base address, with `{region}` where that stands in it and
    None where each account has its own (`url_example` shows one), at names that end in one of
    `host_suffixes`.

    `trains_on_inputs`: whether it trains on what paying customers send over the API, unless they
    agree. `place_of_model` says where a model is processed, by its name and the region's
    jurisdiction, where a name can mean other regions. `sources` are where all of this was read, on
    `checked`. Who owns and hosts it, `governance.facts` knows.
    """

    name: str
    title: str
    dialect: Dialect
    url: str | None = None
    url_example: str | None = None
    host_suffixes: tuple[str, ...] = ()
    regions: tuple[Region, ...] = ()
    default_region: str | None = None
    credential: Credential = "key"
    key_hint: str = ""
    max_tokens_field: MaxTokensField = "max_tokens"
    stream_usage: StreamUsage = "ask"
    trains_on_inputs: bool | None = None
    place_of_model: Callable[[str, str | None], str | None] | None = None
    sources: tuple[str, ...] = ()
    checked: str = ""

    def region(self, name: str) -> Region | None:
        """Return the region of that name."""
        return next((region for region in self.regions if region.name == name), None)

    def url_in(self, region: str | None) -> str | None:
        """Return the base address in `region` (None: the default one); None where there is none."""
        found = self.region(region or self.default_region or "")
        if found is not None and found.url is not None:
            return found.url
        if self.url is None or found is None:
            return self.url
        return self.url.replace("{region}", found.name)
