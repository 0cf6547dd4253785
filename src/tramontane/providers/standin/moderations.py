"""OpenAI's moderations of a stand-in: a text that holds the word `violence` is flagged for it.

That is all it judges by. The form is the published one, without usage, as the API has it.
"""

import hashlib
from typing import Any

import msgspec

from tramontane.providers.standin.director import Incoming
from tramontane.providers.standin.forms import Desk, bearer, require_key
from tramontane.providers.standin.plan import Draft, Plan
from tramontane.providers.standin.planning import refusal
from tramontane.providers.standin.refusals import Refused
from tramontane.providers.standin.tally import Request

CATEGORIES = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit",
    "illicit/violent", "self-harm", "self-harm/instructions", "self-harm/intent", "sexual",
    "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip


class _ImageURL(msgspec.Struct):
    url: str


class _Text(msgspec.Struct, tag_field="type", tag="text"):
    text: str


class _Image(msgspec.Struct, tag_field="type", tag="image_url"):
    image_url: _ImageURL


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    input: str | list[str | _Text | _Image]
    model: str = "omni-moderation-latest"


class ModerationForm:
    """POST /v1/moderations."""

    def check_key(self, incoming: Incoming, api_key: str) -> None:
        """Raise Refused unless the key is there as Bearer."""
        require_key(bearer(incoming), api_key, "'Authorization: Bearer KEY'")

    def refusal(self, refused: Refused) -> Draft:
        """Return the draft of an error."""
        return refusal(refused)

    def answer(self, incoming: Incoming, kept: Request, desk: Desk) -> Plan:
        """Return the plan of the response. Raises Refused."""
        if incoming.method != "POST":
            raise Refused(f"{incoming.path} takes POST.", status=405)
        try:
            body = msgspec.json.decode(incoming.body, type=_Body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Refused(str(error), code="invalid_value") from None
        given = [body.input] if isinstance(body.input, str) else body.input
        texts = [item if isinstance(item, str) else getattr(item, "text", "") for item in given]
        behaviour, _ = desk.direct(incoming, kept, body.model, "\n".join(texts))
        if any(not isinstance(item, str) for item in given):
            texts = ["\n".join(texts)]  # parts are judged together
        answer = {
            "id": f"modr-{desk.new_id()}",
            "model": body.model,
            "results": [_judged(text) for text in texts],
        }
        return desk.plan(Draft(200, [msgspec.json.encode(answer)], [0]), behaviour, kept)


def _judged(text: str) -> dict[str, Any]:
    is_flagged = "violence" in text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    scores = {name: digest[i] / 25_600 for i, name in enumerate(CATEGORIES)}
    if is_flagged:
        scores["violence"] += 0.9
    return {
        "flagged": is_flagged,
        "categories": {name: is_flagged and name == "violence" for name in CATEGORIES},
        "category_scores": scores,
        "category_applied_input_types": {name: ["text"] for name in CATEGORIES},
    }


FORM = ModerationForm()
