"""SE6: no field of a request makes an engine or provider fetch an address of the caller's choice.

Every spelling of an address in every place where one could stand is refused, whatever JSON's
escapes make of it; `data:` and free text that speaks of addresses pass.
"""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramontane.errors import InvalidRequest
from tramontane.wire.openai.intent import Intent, read_chat

PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="

ADDRESSES = {
    "plain": "http://169.254.169.254/latest/meta-data/",
    "tls": "https://internal.example/x.png",
    "upper case": "HTTP://169.254.169.254/",
    "mixed case": "hTTpS://internal/",
    "decimal": "http://2852039166/",
    "hexadecimal": "http://0xa9fea9fe/",
    "octal": "http://0251.0376.0251.0376/",
    "short form": "http://127.1/",
    "no host": "http:///etc/passwd",
    "one slash": "http:/169.254.169.254/",
    "no slash": "http:169.254.169.254/",
    "backslashes": "http:\\\\169.254.169.254\\",
    "IPv6": "http://[::1]:8080/",
    "IPv4 in IPv6": "http://[::ffff:169.254.169.254]/",
    "IPv4 in IPv6, hexadecimal": "http://[::ffff:a9fe:a9fe]/",
    "link-local IPv6": "http://[fe80::1%25eth0]/",
    "user": "http://example.com@169.254.169.254/",
    "user and password": "http://data:image@169.254.169.254/",
    "port": "http://localhost:22/",
    "percent-encoded host": "http://%31%36%39.254.169.254/",
    "full-width host": "http://１６９.254.169.254/",
    "query": "http://internal/?data:image/png;base64,AAAA",
    "fragment": "http://internal/#data:image/png;base64,AAAA",
    "leading space": " http://internal/",
    "leading tab": "\thttp://internal/",
    "leading line feed": "\nhttp://internal/",
    "leading control": "\x01http://internal/",
    "leading no-break space": "\xa0http://internal/",
    "leading byte order mark": "\ufeffhttp://internal/",
    "tab inside the scheme": "ht\ttp://internal/",
    "line feed inside the scheme": "http\n://internal/",
    "line feed after the colon": "http:\n//internal/",
    "file": "file:///etc/passwd",
    "file, short": "file:/etc/passwd",
    "file, shortest": "file:etc/passwd",
    "ftp": "ftp://internal/x",
    "gopher": "gopher://internal:6379/_FLUSHALL",
    "dict": "dict://internal:11211/stat",
    "ldap": "ldap://internal/",
    "s3": "s3://bucket/key",
    "gs": "gs://bucket/key",
    "hf": "hf://someone/dataset",
    "jar": "jar:http://internal/x.jar!/",
    "blob": "blob:https://internal/id",
    "unknown scheme": "x-own+fetch.2://internal/",
    "data before an address": "data://internal/x.png",
    "data with an address": "data:http://internal/x.png",
    "data in upper case": "DATA:image/png;base64,AAAA",
    "data after a space": " data:image/png;base64,AAAA",
    "data with a tab inside": "da\tta:image/png;base64,AAAA",
    "data without a type": "data:;base64,AAAA",
    "data that is not encoded": "data:text/html,<img src=http://internal/>",
    "data-lookalike": "data-x:image/png;base64,AAAA",
    "database": "database://internal/",
}
SCHEMELESS = {
    "no scheme": "//169.254.169.254/x.png",
    "host": "169.254.169.254/x.png",
    "path": "/etc/passwd",
    "relative path": "../../etc/passwd",
    "home": "~/.ssh/id_rsa",
    "UNC": "\\\\internal\\share",
    "word": "internal",
    "nothing": "",
}
PATHS = {name: SCHEMELESS[name] for name in ("no scheme", "path", "relative path", "home", "UNC")}


def parts(*parts: Any, role: str = "user", **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": list(parts), **more}]}


def image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


# Where the dialect, or a dialect near it, has a place for an address.
NAMED_PLACES: dict[str, Any] = {
    "image_url": lambda a: parts(image(a)),
    "image_url as text": lambda a: parts({"type": "image_url", "image_url": a}),
    "second part": lambda a: parts({"type": "text", "text": "Look"}, image(PIXEL), image(a)),
    "tool message": lambda a: parts(image(a), role="tool", tool_call_id="call_1"),
    "system message": lambda a: parts(image(a), role="system"),
    "assistant message": lambda a: parts(image(a), role="assistant"),
    "later message": lambda a: {
        "messages": [{"role": "user", "content": "a"}, *parts(image(a))["messages"]]
    },
    "oddly cased name": lambda a: parts({"type": "image_url", "Image_URL": {"URL": a}}),
    "video_url": lambda a: parts({"type": "video_url", "video_url": {"url": a}}),
    "audio_url": lambda a: parts({"type": "audio_url", "audio_url": {"url": a}}),
    "input_image": lambda a: parts({"type": "input_image", "image_url": a}),
    "file_url": lambda a: parts({"type": "input_file", "file_url": a}),
    "source": lambda a: parts({"type": "image", "source": {"type": "url", "url": a}}),
    "uri": lambda a: parts({"type": "file", "file_data": {"fileUri": a}}),
    "beside text": lambda a: parts({"type": "text", "text": "Hi", "image_url": {"url": a}}),
    "deep": lambda a: parts({"type": "x", "a": [{"b": [[{"c": {"url": a}}]]}]}),
    "content as one object": lambda a: {"messages": [{"role": "user", "content": image(a)}]},
    "nested content": lambda a: parts({"type": "tool_result", "content": [image(a)]}),
    "message's own": lambda a: {"messages": [{"role": "user", "content": "Hi", "image_url": a}]},
    "top level": lambda a: {"image_url": a},
    "top level, in a list": lambda a: {"sources": [{"url": a}]},
    "tool's server": lambda a: {"tools": [{"type": "mcp", "server_url": a}]},
    "web search": lambda a: {"web_search_options": {"index": {"url": a}}},
}  # fmt: skip
OTHER_PLACES: dict[str, Any] = {
    "image": lambda a: parts({"type": "image", "image": a}),
    "video": lambda a: parts({"type": "video", "video": [a]}),
    "unknown name": lambda a: parts({"type": "image", "from": a}),
    "images": lambda a: {"messages": [{"role": "user", "content": "Hi", "images": [a]}]},
}
# Base64 by their meaning, which may look like a path.
ENCODED_PLACES: dict[str, Any] = {
    "audio": lambda a: parts({"type": "input_audio", "input_audio": {"data": a, "format": "wav"}}),
    "file": lambda a: parts({"type": "file", "file": {"file_data": a}}),
    "file id": lambda a: parts({"type": "file", "file": {"file_id": a}}),
}
TOP_PLACES: dict[str, Any] = {
    "unknown top-level field": lambda a: {"webhook": a},
    "unknown top-level list": lambda a: {"documents": [{"from": a}]},
    "voice": lambda a: {"audio": {"voice": a, "format": "wav"}},
    "reference in a schema": lambda a: {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "x", "schema": {"properties": {"a": {"$ref": a}}}},
        }
    },
    "reference in a tool": lambda a: {
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"$ref": a}}}]
    },
}
CASES = {
    f"{place}: {spelling}": make(address)
    for places, addresses in (
        (NAMED_PLACES, {**ADDRESSES, **SCHEMELESS}),
        (OTHER_PLACES, {**ADDRESSES, **PATHS}),
        (ENCODED_PLACES, ADDRESSES),
        (TOP_PLACES, ADDRESSES),
    )
    for place, make in places.items()
    for spelling, address in addresses.items()
    # What looks like data: and is none names nothing to fetch where no address is expected.
    if places is NAMED_PLACES or not spelling.startswith("data") or "a://" in address
}


def body(fields: dict[str, Any]) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **fields}


def spelt(fields: dict[str, Any]) -> list[bytes]:
    """Return spellings of a body that mean the same."""
    plain = json.dumps(body(fields))
    return [
        plain.encode(),
        json.dumps(body(fields), ensure_ascii=False, separators=(",", ":")).encode(),
        json.dumps(body(fields), indent=3).encode(),
        plain.replace("/", "\\/").encode(),
        escaped_strings(body(fields)),
    ]


def escaped_strings(value: Any) -> bytes:
    if isinstance(value, str):
        return b'"' + b"".join(b"\\u%04X" % ord(c) for c in value) + b'"'
    if isinstance(value, list):
        return b"[" + b",".join(map(escaped_strings, value)) + b"]"
    assert isinstance(value, dict)
    pairs = (escaped_strings(n) + b":" + escaped_strings(v) for n, v in value.items())
    return b"{" + b",".join(pairs) + b"}"


def refused(raw: bytes) -> InvalidRequest | None:
    try:
        read_chat(raw)
    except InvalidRequest as error:
        return error
    return None


def test_no_spelling_of_an_address_passes_in_any_place() -> None:
    assert len(CASES) >= 200
    passed, others = [], []
    for name, fields in CASES.items():
        for i, raw in enumerate(spelt(fields)):
            error = refused(raw)
            if error is None:
                passed.append((name, i))
            elif error.code != "address_not_allowed":
                others.append((name, i, error.message))
    assert not passed
    assert not others


def test_the_error_says_where_the_address_stands() -> None:
    error = refused(
        json.dumps(body(parts({"type": "text", "text": "a"}, image("http://x/")))).encode()
    )
    assert error is not None
    assert error.param == "messages[0].content[1].image_url.url"
    assert "data:" in error.message


PASSES: dict[str, Any] = {
    "text that is an address": {"messages": [{"role": "user", "content": "http://example.com/"}]},
    "a path as text": {"messages": [{"role": "user", "content": "/etc/passwd"}]},
    "a text part": parts({"type": "text", "text": "file:///etc/passwd"}),
    "a tool's answer": parts(
        {"type": "text", "text": "https://a.example"}, role="tool", tool_call_id="c"
    ),
    "a call's arguments": {
        "messages": [
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "c",
                        "type": "function",
                        "function": {"name": "get", "arguments": '{"url": "https://a.example"}'},
                    }
                ],
            }
        ]
    },
    "an image": parts(image(PIXEL)),
    "an image in detail": parts(
        {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}}
    ),
    "a type with parameters": parts(image("data:image/svg+xml;charset=utf-8;base64,AAAA")),
    "sound": parts({"type": "input_audio", "input_audio": {"data": "//uQxAAA", "format": "mp3"}}),
    "a file": parts({"type": "file", "file": {"file_data": PIXEL, "filename": "/x/a: b.pdf"}}),
    "an unknown part with data": parts({"type": "video_url", "video_url": {"url": PIXEL}}),
    "an unknown part with base64": parts({"type": "image", "image": "/9j/4AAQSkZJRg"}),
    "an unknown field of a message": {
        "messages": [{"role": "user", "content": "http://a", "cache_control": {"type": "x"}}]
    },
    "a function that takes addresses": {
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "fetch",
                    "description": "http://example.com",
                    "parameters": {
                        "$schema": "http://json-schema.org/draft-07/schema#",
                        "$ref": "#/$defs/a",
                        "properties": {
                            "url": {"type": "string", "default": "http://x"},
                            "$ref": {"type": "string"},
                        },
                    },
                },
            }
        ]
    },
    "a stop word": {"stop": ["http://", "/"]},
    "metadata": {"metadata": {"url": "https://a.example"}, "user": "https://a.example/me"},
    "prediction": {"prediction": {"type": "content", "content": "https://a.example"}},
    "a field of another server": {"guided_regex": "/a/.*", "mm_processor_kwargs": {"a": 1.5}},
}  # fmt: skip


@pytest.mark.parametrize("fields", PASSES.values(), ids=PASSES.keys())
def test_data_and_text_pass_as_they_are(fields: dict[str, Any]) -> None:
    for raw in (json.dumps(body(fields)).encode(), msgspec.json.encode(body(fields))):
        intent = read_chat(raw)
        assert json.loads(bytes(intent.fields["messages"])) == body(fields)["messages"]


@pytest.mark.parametrize(
    "messages",
    [
        b'[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://a"}}],"content":"x"}]',
        b'[{"role":"user","content":"x","content":[{"type":"image_url","image_url":{"url":"http://a"}}]}]',
        b'[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://a","url":"%b"}}]}]',
        b'[{"role":"user","content":[{"type":"image_url","image_url":{"url":"%b","url":"http://a"}}]}]',
        b'[{"role":"user","content":[{"type":"image_url","image_url":"http://a","image_url":"%b"}]}]',
        b'[{"role":"user","content":[{"type":"x","v_url":"http://a","v_url":"%b"}]}]',
        b'[{"role":"user","content":[{"type":"x","a":{"url":"http://a"},"\\u0061":{"url":"%b"}}]}]',
    ],
)
def test_a_name_that_stands_twice_hides_no_address(messages: bytes) -> None:
    messages = messages.replace(b"%b", PIXEL.encode())
    error = refused(b'{"model":"m","messages":' + messages + b"}")
    assert error is not None
    assert error.code in ("address_not_allowed", "invalid_json")


def count(fields: dict[str, Any]) -> Intent:
    return read_chat(msgspec.json.encode(body(fields)))


def test_only_the_data_of_images_is_left_out_of_the_prompt() -> None:
    data = PIXEL + "A" * 10_000
    one = count(parts(image(data)))
    assert one.images == 1
    assert one.prompt_bytes < 200
    assert count(parts({"type": "video_url", "video_url": {"url": data}})).images == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [{"role": "user", "content": PIXEL + "A" * 10_000}]},
        parts({"type": "text", "text": PIXEL + "A" * 10_000}),
        parts({"type": "text", "text": PIXEL + "A" * 10_000, "unknown": 1}),
        parts({"type": "file", "file": {"file_data": PIXEL + "A" * 10_000}}),
        {"messages": [{"role": "user", "content": "a", "unknown": PIXEL + "A" * 10_000}]},
    ],
)
def test_text_that_looks_like_an_image_counts_in_full(fields: dict[str, Any]) -> None:
    intent = count(fields)
    assert intent.images == 0
    assert intent.prompt_bytes > 10_000


@pytest.mark.parametrize(
    "part",
    [
        {"type": "file", "file": {"file_id": "file-abc"}},
        {"type": "file", "file": {"file_id": "file-abc"}, "unknown": 1},
        {"type": "input_file", "file_id": "file-abc"},
        {"type": "image", "source": {"type": "file", "file_id": "file-abc"}},
    ],
)
def test_files_kept_at_a_provider_are_refused(part: dict[str, Any]) -> None:
    error = refused(msgspec.json.encode(body(parts(part))))
    assert error is not None
    assert error.code == "file_not_allowed"


@pytest.mark.parametrize(
    ("part", "files"),
    [
        ({"type": "file", "file": {"file_data": "JVBERi0="}}, 1),
        ({"type": "file", "file": {"file_data": "JVBERi0="}, "unknown": 1}, 1),
        (image("data:application/pdf;base64,JVBERi0="), 1),
        ({"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}}, 1),
        (image(PIXEL), 0),
    ],
)
def test_files_are_counted_for_no_bytes_bound_them(part: dict[str, Any], files: int) -> None:
    assert count(parts(part)).files == files


words = st.text(min_size=0, max_size=20)
names = st.sampled_from(["content", "text", "type", "role", "url", "image_url", "a"])
junk = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        words,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=4)),
    max_leaves=8,
)


@given(st.lists(junk, max_size=3), junk)
@settings(deadline=None)
def test_any_json_is_read_or_refused_and_never_a_fault(messages: list[Any], extra: Any) -> None:
    raw = json.dumps({"model": "m", "messages": messages, "tools": extra, "other": extra}).encode()
    error = refused(raw)
    assert error is None or error.param


@pytest.mark.parametrize("depth", [100, 2_000, 100_000])
@pytest.mark.parametrize("field", ["messages", "tools", "response_format", "other"])
@pytest.mark.parametrize("inner", [b"[%b]", b'{"a":%b}'])
def test_deep_nesting_is_read_or_refused(field: str, inner: bytes, depth: int) -> None:
    opening, closing = inner.split(b"%b")
    value = opening * depth + b'"ref"' + closing * depth
    fields = {b"model": b'"m"', b"messages": b'[{"role":"user","content":"a"}]'}
    fields[field.encode()] = (
        b'[{"role":"user","content":%b}]' % value if field == "messages" else value
    )
    pairs = b",".join(b'"%b":%b' % pair for pair in fields.items())
    error = refused(b"{" + pairs + b"}")
    assert error is None or error.code in ("invalid_json", "address_not_allowed", "invalid_type")
    assert depth < 2_000 or error is not None
