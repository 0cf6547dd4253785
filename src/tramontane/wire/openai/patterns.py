"""Regular expressions of JSON schemas, as the grammars of an engine here can hold to them.

llama.cpp's server takes a small dialect of patterns over the raw text of a JSON string, and lets
any string pass where it meets another. So patterns are rewritten for it: always from end to end,
characters as ranges of code points, quotes and backslashes as JSON spells them. What comes out
may allow less than the pattern did, never more. It does not know schemas.

Source: ECMA-262 for patterns, RFC 8259 §7 for strings; the engine's dialect by experiment.
"""

import re

Ranges = list[tuple[int, int]]

REPEAT_MAX = 2_000

_LAST = 0x10FFFF
_SPACES: Ranges = [
    (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029),
    (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000),
]  # fmt: skip
_DIGITS: Ranges = [(0x30, 0x39)]
_WORD: Ranges = [*_DIGITS, (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)]
_NAMED = {"d": _DIGITS, "w": _WORD, "s": _SPACES}
# Readers of patterns differ beyond ASCII (is é a \w, U+FEFF a \s?): where one of these is excluded,
# only what all agree on is left.
_NO_SPACES: Ranges = [
    *_SPACES,
    (0x180E, 0x180E),
    (0x200B, 0x200D),
    (0x2060, 0x2060),
    (0xFEFF, 0xFEFF),
]
_BEYOND_ASCII: Ranges = [(0x7F, _LAST)]
_NOT_NAMED = {"d": [*_DIGITS, *_BEYOND_ASCII], "w": [*_WORD, *_BEYOND_ASCII], "s": _NO_SPACES}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}
_JSON = {"\n": "n", "\t": "t", "\r": "r", "\f": "f", '"': '"', "\\": "\\"}
_NOT_PLAIN: Ranges = [(0, 0x1F), (0x22, 0x22), (0x5C, 0x5C), (0x7F, 0x9F), (0xD800, 0xDFFF)]
_QUANTIFIER = re.compile(r"(?:[*+?]|\{(\d{1,6})(,(\d{0,6}))?\})\??(?!\+)")
_ANY_TEXT = '[^"\\\\\\x00-\\x1f]*'


class PatternNotHeld(ValueError):
    """Answers cannot be held to this pattern; the message says why."""


def grammar_pattern(pattern: str) -> str:
    """Return the pattern for the engine. Raises PatternNotHeld."""
    is_open_left = not pattern.startswith("^")
    body = pattern if is_open_left else pattern[1:]
    ends = re.search(r"(?:^|[^\\])(?:\\\\)*\$$", body)
    body = body[:-1] if ends is not None else body
    if "|" in body and (is_open_left or ends is None):
        body = f"(?:{body})"
    inner = _Reader(body).read()
    return f"^{_ANY_TEXT if is_open_left else ''}{inner}{_ANY_TEXT if ends is None else ''}$"


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read(self) -> str:
        out = []
        depth = 0
        while self._at < len(self._text):
            if self._text.startswith("(?:", self._at):
                self._at += 3
                out.append("(")
                depth += 1
                continue
            char = self._next()
            if char == "(":
                if self._peek() == "?":
                    raise PatternNotHeld("it looks around or names a group")
                depth += 1
                out.append("(")
            elif char in ")|":
                depth -= char == ")"
                out.append(char)
                if char == "|":
                    continue
            else:
                out.append(self._atom(char))
            if char != "(":
                out.append(self._quantifier())
        if depth:
            raise PatternNotHeld("its parentheses do not match")
        return "".join(out)

    def _atom(self, char: str) -> str:
        if char in "^$":
            raise PatternNotHeld(f"'{char}' stands inside it")
        if char in "*+?":
            raise PatternNotHeld(f"there is nothing before '{char}'")
        if char == ".":
            return _class(_except([(0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029)]))
        if char == "[":
            return _class(self._set())
        if char != "\\":
            return _literal(char)
        named = self._escape()
        return _literal(named) if isinstance(named, str) else _class(named)

    def _escape(self) -> str | Ranges:
        """Return the character, or the set of them, that the escape after a backslash means."""
        char = self._next()
        if char in _NAMED:
            return _NAMED[char]
        if char in "DWS":
            return _except(_NOT_NAMED[char.lower()])
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char.isalnum():
            raise PatternNotHeld(f"it has '\\{char}'")
        return char

    def _set(self) -> Ranges:
        negated = self._peek() == "^"
        if negated:
            self._at += 1
        found: Ranges = []
        while (char := self._next()) != "]":
            low = self._escape() if char == "\\" else char
            if negated and char == "\\" and self._text[self._at - 1] in _NOT_NAMED:
                low = _NOT_NAMED[self._text[self._at - 1]]
            if not isinstance(low, str):
                found += low
                continue
            high = low
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                char = self._next()
                top = self._escape() if char == "\\" else char
                if not isinstance(top, str) or top < low:
                    raise PatternNotHeld("a range in it is backwards")
                high = top
            found.append((ord(low), ord(high)))
        return _except(found) if negated else found

    def _quantifier(self) -> str:
        match = _QUANTIFIER.match(self._text, self._at)
        if match is None:
            return ""
        least, comma, most = match[1], match[2], match[3]
        for count in (least, most):
            if count and int(count) > REPEAT_MAX:
                raise PatternNotHeld(f"it repeats more than {REPEAT_MAX:,} times")
        if least is not None and most and int(least) > int(most):
            raise PatternNotHeld(f"it repeats {least} to {most} times")
        self._at = match.end()
        if least is None:
            return match[0][0]
        return f"{{{least}}}" if comma is None else f"{{{least},{most or ''}}}"

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise PatternNotHeld("it ends too early")
        self._at += 1
        return self._text[self._at - 1]

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]


def _except(ranges: Ranges) -> Ranges:
    found, at = [], 0
    for low, high in sorted(ranges):
        if low > at:
            found.append((at, low - 1))
        at = max(at, high + 1)
    return [*found, (at, _LAST)] if at <= _LAST else found


def _class(ranges: Ranges) -> str:
    """Return a set for the engine, without what a JSON string cannot hold as it is."""
    plain = [
        (max(low, start), min(high, end))
        for low, high in ranges
        for start, end in _except(_NOT_PLAIN)
        if max(low, start) <= min(high, end)
    ]
    if plain:
        return "[" + "".join(_span(low, high) for low, high in plain) + "]"
    for low, high in ranges:
        for point in range(low, min(high, low + 200) + 1):
            if chr(point) in _JSON:
                return _literal(chr(point))
    raise PatternNotHeld("it wants a character that a JSON string cannot hold")


def _literal(char: str) -> str:
    if char in _JSON:
        return f"([{_point(0x5C)}][{_point(ord(_JSON[char]))}])"
    return char if _is_plain(char) else _class([(ord(char), ord(char))])


def _span(low: int, high: int) -> str:
    return _point(low) if low == high else f"{_point(low)}-{_point(high)}"


def _point(point: int) -> str:
    if _is_plain(chr(point)):
        return chr(point)
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"


def _is_plain(char: str) -> bool:
    return char.isascii() and char.isalnum()
