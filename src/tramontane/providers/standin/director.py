"""What to do for one request: the nearest of directive, header, script and options."""

from collections.abc import Mapping

import msgspec

from tramontane.providers.standin.behaviour import (
    NOTHING_SAID,
    Behaviour,
    Rule,
    parse_faults,
    parse_settings,
    take_directive,
)
from tramontane.providers.standin.refusals import Refused


class Incoming(msgspec.Struct):
    """A whole request. Header names are in lower case, the path is without its query."""

    method: str
    path: str
    headers: Mapping[bytes, bytes]
    body: bytes
    query: str = ""


class Director:
    """Knows the script and how often each of its rules was used."""

    def __init__(self, behaviour: Behaviour, script: tuple[Rule, ...]) -> None:
        parse_faults(behaviour.fault or "")
        self._behaviour = behaviour
        self._script = script
        self.restart()

    def restart(self) -> None:
        """Play the script from its beginning."""
        self._times_left = [rule.times for rule in self._script]

    def direct(self, incoming: Incoming, model: str, prompt: str) -> tuple[Behaviour, str]:
        """Return what to do, and `prompt` without directives.

        Raises Refused where the header or a directive makes no sense.
        """
        said, echo = NOTHING_SAID, prompt
        try:
            if (header := incoming.headers.get(b"x-standin")) is not None:
                said = parse_settings(header.decode("latin-1"))
            if "[[standin " in prompt:
                directive, echo = take_directive(prompt)
                said = directive.over(said)
        except ValueError as error:
            problem = f"The stand-in does not understand what it is told: {error}."
            raise Refused(problem, param="messages", code="invalid_directive") from None
        for place, rule in enumerate(self._script):
            left = self._times_left[place]
            if left != 0 and rule.matches(incoming.path, model, prompt):
                self._times_left[place] = None if left is None else left - 1
                said = said.over(rule.reply)
                break
        return said.over(self._behaviour), echo
