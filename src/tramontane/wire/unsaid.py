"""What a provider's dialect cannot express: refused by name, or dropped and named.

It knows how requests are spelt by most clients, and nothing of any provider.
"""

from collections.abc import Mapping

from tramontane.errors import InvalidRequest
from tramontane.wire.canonical import Request, inexpressible

# How most clients spell what the canonical request calls otherwise.
_SPELT = {
    "choices": "n",
    "effort": "reasoning_effort",
    "format": "response_format",
    "inputs": "input",
    "thinking_tokens": "thinking",
}
# What asks for nothing, beside None: some clients always send these (LangChain's `safe_prompt`).
_NEUTRAL: dict[str, object] = {
    "choices": 1,
    "stop": (),
    "tools": (),
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "logit_bias": {},
    "safe_prompt": False,
    "user": "",
}


class Unsaid:
    """Collects what one request loses on its way to `dialect`; without `drops` nothing is lost."""

    __slots__ = ("_dialect", "_drops", "_names")

    def __init__(self, dialect: str, *, drops: bool) -> None:
        self._dialect = dialect
        self._drops = drops
        self._names: list[str] = []

    @property
    def names(self) -> tuple[str, ...]:
        """What has been dropped."""
        return tuple(self._names)

    def leave(self, field: str, because: str = "") -> None:
        """Leave out `field`, as the client spells it. Raises InvalidRequest without `drops`.

        `because`: a sentence, where the provider has such a thing, but not so.
        """
        if not self._drops:
            raise inexpressible(field, self._dialect, because)
        if field not in self._names:
            self._names.append(field)

    def leave_set(self, request: Request, *attributes: str) -> None:
        """Leave out those of `attributes` of `request` that say something."""
        for attribute in attributes:
            said = getattr(request, attribute)
            if said is not None and said != _NEUTRAL.get(attribute):
                self.leave(_SPELT.get(attribute, attribute))

    def leave_extra(self, request: Request, known: frozenset[str] = frozenset()) -> None:
        """Leave out the fields that only the client's dialect has, but those `known`."""
        for name in request.extra:
            if name not in known:
                self.leave(name)


def respelt(refusal: InvalidRequest, spelling: Mapping[str, str]) -> InvalidRequest:
    """Return `refusal` with its field as the client calls it, where `spelling` knows a name."""
    field = refusal.param
    if refusal.code != "unsupported_parameter" or field is None or field not in spelling:
        return refusal
    own = spelling[field]
    message = refusal.message.replace(f"'{field}'", f"'{own}'")
    return InvalidRequest(message, code=refusal.code, param=own)
