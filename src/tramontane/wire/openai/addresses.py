"""No field of a request may name an address: an engine or provider would fetch it for the caller.

Images and files come as `data:`. Messages of the usual shape are checked while they are decoded,
every value against its type; whatever has another shape is walked through, and a string that
could be taken for an address or a path is refused wherever it stands. Text is free. It does not
know what a field means to whom it is sent.
"""

import json
import re
from typing import Annotated, Any

import msgspec

from tramontane.errors import InvalidRequest

VALUES_MAX = 100_000

_DATA = r"data:[\w.+-]+/[\w.+-]+(?:;[\w.+-]+=[\w.+-]+)*;base64,"
_DataAddress = Annotated[str, msgspec.Meta(pattern=f"^{_DATA}")]
# Base64 holds no colon, so a string that begins with this much of it names no scheme.
_Encoded = Annotated[
    str, msgspec.Meta(pattern=f"^(?:{_DATA}|[0-9A-Za-z+/=_-]{{32}}|[0-9A-Za-z+/=_-]{{0,32}}$)")
]
_Word = Annotated[str, msgspec.Meta(pattern=r"^[\w.-]*$")]

_is_data = re.compile(_DATA).match
_SCHEMES = (
    "https?|ftps?|sftp|tftp|scp|file|gopher|dict|ldaps?|s3|gs|az|abfss?|hdfs|oss|hf|smb|wss?|jar|"
    "php|netdoc|blob|javascript|git|ssh|rtmps?|rtsp"
)
# What URL parsers skip (leading space and controls; tab, CR and LF anywhere) is skipped here too.
_is_address = re.compile(
    rf"[^0-9A-Za-z]*+(?:[A-Za-z][0-9A-Za-z+.\-\t\r\n]*:[\t\r\n]*[/\\]|(?:{_SCHEMES}):)",
    re.IGNORECASE,
).match
_is_path = re.compile(r"(?!/9j/)[\s\0]*(?:[/\\~]|\.\.?[/\\])").match  # base64 of a JPEG: /9j/
_ADDRESS_NAMES = ("url", "uri", "href")
_FREE = frozenset(("text", "refusal", "reasoning", "reasoning_content", "thinking", "arguments"))
_REFERENCES = frozenset(("$ref", "$dynamicRef", "$recursiveRef"))
_SCHEMAS = frozenset(("tools", "functions", "response_format"))


class _Strict(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    pass


class _ImageURL(_Strict):
    url: _DataAddress
    detail: _Word | None = None


class _Audio(_Strict):
    data: _Encoded
    format: _Word | None = None


class _File(_Strict):
    file_data: _Encoded | None = None
    file_id: _Word | None = None
    filename: str | None = None


class _Part(_Strict):
    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: _ImageURL | _DataAddress | None = None
    input_audio: _Audio | None = None
    file: _File | None = None


class _Function(_Strict):
    name: str
    arguments: str


class _Call(_Strict):
    id: str | None = None
    type: str | None = None
    index: int | None = None
    function: _Function | None = None


class _Message(_Strict):
    role: str
    content: str | list[_Part] | None = None
    name: str | None = None
    tool_call_id: str | None = None
    tool_calls: list[_Call] | None = None
    function_call: _Function | None = None
    refusal: str | None = None
    reasoning_content: str | None = None


class _Tool(_Strict):
    type: str
    function: msgspec.Raw = msgspec.Raw(b"null")  # a union of it with None takes null only
    custom: msgspec.Raw = msgspec.Raw(b"null")


_MESSAGES = msgspec.json.Decoder(list[_Message]).decode
_TOOLS = msgspec.json.Decoder(list[_Tool]).decode


def read_messages(messages: msgspec.Raw) -> tuple[int, int, int]:
    """Return (images, bytes of their data, files).

    Raises InvalidRequest for an address, for a file that a provider keeps, for what is no message,
    and for names that stand twice where they are not known here: two readers could disagree about
    them.
    """
    try:
        try:
            decoded = _MESSAGES(messages)
        except msgspec.ValidationError:
            return _walk_messages(messages)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed("messages", error) from None
    if not decoded:
        raise InvalidRequest(
            "The field 'messages' must hold at least one message.",
            code="invalid_value",
            param="messages",
        )
    images = size = files = 0
    for message in decoded:
        if type(message.content) is list:
            for part in message.content:
                address = part.image_url
                if address is not None:
                    url = address if isinstance(address, str) else address.url
                    images += 1
                    size += len(url)
                    files += not is_image(url)
                if part.file is not None:
                    files += 1
                    if part.file.file_id is not None:
                        raise file_not_allowed("messages.content.file.file_id")
    return images, size, files


def is_image(address: str) -> bool:
    """Whether the `data:` address is of an image, whose tokens have a most."""
    return address.startswith("data:image/")


def file_not_allowed(place: str) -> InvalidRequest:
    """Return the refusal of the file at `place`, which is kept at a provider: whose it is and how
    long it is nobody here knows.
    """
    return InvalidRequest(
        f"{place}: files kept at a provider cannot be used here; send the data as base64.",
        code="file_not_allowed",
        param=place[:500],
    )


def is_data_address(text: str) -> bool:
    """Whether `text` is a `data:` address, which holds what it names."""
    return _is_data(text) is not None


def address_not_allowed(place: str) -> InvalidRequest:
    """Return the refusal of the address at `place`."""
    return _not_allowed(place)


def refuse_references(raw: msgspec.Raw, place: str) -> None:
    """Raise InvalidRequest where the schema `raw` refers to anywhere outside itself."""
    text = bytes(raw)
    if b'ef"' in text or b"\\u" in text:
        try:
            _refuse_references(_load(place, raw), place)
        except RecursionError as error:
            raise _malformed(place, error) from None


def refuse_addresses(name: str, raw: msgspec.Raw) -> None:
    """Raise InvalidRequest where the top-level field `name` (not `messages`) holds an address.

    In schemas, whose properties may have any name, only references to elsewhere are refused.
    """
    try:
        if name not in _SCHEMAS:
            _walk(_load(name, raw), name, name, paths=False)
            return
        if name == "tools":
            _check_tools(raw)
        text = bytes(raw)
        if b'ef"' in text or b"\\u" in text:
            _refuse_references(_load(name, raw), name)
    except RecursionError as error:  # from Python 3.13 on, JSON nests deeper than functions may
        raise _malformed(name, error) from None


def _check_tools(raw: msgspec.Raw) -> None:
    try:
        _TOOLS(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        tools = _load("tools", raw)
        for i, tool in enumerate(tools if isinstance(tools, list) else ()):
            if isinstance(tool, dict):
                rest = {n: v for n, v in tool.items() if n not in ("function", "custom")}
                _walk(rest, "", f"tools[{i}]", paths=False)


def _walk_messages(raw: msgspec.Raw) -> tuple[int, int, int]:
    messages = _load("messages", raw)
    counted = [0, 0, 0]
    for i, message in enumerate(messages):
        place = f"messages[{i}]"
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise InvalidRequest(
                f"The field '{place}' must be an object with 'role' and 'content'.",
                code="invalid_type",
                param=place,
            )
        for name, value in message.items():
            if not (name == "content" and isinstance(value, str)):
                _walk(value, name, f"{place}.{name}", paths=True, counted=counted)
    return counted[0], counted[1], counted[2]


def _walk(
    value: Any, name: str, place: str, *, paths: bool, counted: list[int] | None = None
) -> None:
    """Refuse any address in `value`; count the data of those that are `data:`, and files."""
    if isinstance(value, str):
        is_named = name.casefold().endswith(_ADDRESS_NAMES)
        if is_named and counted is not None and _is_data(value) is not None:
            counted[0] += 1
            counted[1] += len(value)
            counted[2] += not is_image(value)
        elif name not in _FREE and (
            (is_named and _is_data(value) is None)
            or _is_address(value) is not None
            or (paths and _is_path(value) is not None)
        ):
            raise _not_allowed(place)
        elif counted is not None and name == "file_id":
            raise file_not_allowed(place)
        elif counted is not None and name == "file_data":
            counted[2] += 1
    elif isinstance(value, dict):
        for n, v in value.items():
            if n != "arguments":
                _walk(v, n, f"{place}.{n[:100]}", paths=paths, counted=counted)
    elif isinstance(value, list):
        for i, v in enumerate(value):
            _walk(v, name, f"{place}[{i}]", paths=paths, counted=counted)


def _refuse_references(value: Any, place: str) -> None:
    if isinstance(value, dict):
        for n, v in value.items():
            inner = f"{place}.{n[:100]}"
            if n in _REFERENCES and isinstance(v, str) and not v.startswith("#"):
                raise _not_allowed(inner)
            _refuse_references(v, inner)
    elif isinstance(value, list):
        for i, v in enumerate(value):
            _refuse_references(v, f"{place}[{i}]")


def _load(name: str, raw: msgspec.Raw) -> Any:
    """Return the value, its numbers left as text; InvalidRequest for what readers disagree on.

    Going through many values would keep everybody else waiting, so there is a most of them.
    """
    if bytes(raw).count(b",") >= VALUES_MAX:
        raise InvalidRequest(
            f"The field '{name}' holds more than {VALUES_MAX} values.",
            code="invalid_value",
            param=name,
        )
    try:
        msgspec.json.decode(raw)
        return json.loads(
            bytes(raw), object_pairs_hook=_unique, parse_int=_Number, parse_float=_Number
        )
    except (ValueError, RecursionError) as error:
        raise _malformed(name, error) from None


class _Number(str):
    """A number as it stood: nothing here needs its value."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the name '{name[:100]}' stands twice in one object")
        found[name] = value
    return found


def _malformed(name: str, error: Exception) -> InvalidRequest:
    reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
    return InvalidRequest(
        f"The field '{name}' is not valid JSON: {reason}.", code="invalid_json", param=name
    )


def _not_allowed(place: str) -> InvalidRequest:
    return InvalidRequest(
        'Images and files are taken as data: addresses only ("data:image/png;base64,…");'
        " other addresses and paths are never fetched.",
        code="address_not_allowed",
        param=place[:500],
    )
