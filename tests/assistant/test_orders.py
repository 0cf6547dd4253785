"""What a model is asked: instructions, parameters, tools and nothing that nobody set."""

import msgspec
import pytest

from tests.assistant.desk import Desk, ScriptedTokens, spoken
from tramontane.assistant import orders
from tramontane.assistant.orders import Asking, Order, Persona
from tramontane.errors import Conflict, InvalidRequest, NotFound
from tramontane.guide.conversation import MARK
from tramontane.store import conversations, messages
from tramontane.store.conversations import Parameters
from tramontane.store.database import Store


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store, ScriptedTokens(spoken("yes")))


def asking(desk: Desk, persona: Persona = Persona()) -> Asking:  # noqa: B008
    return Asking(key_id=desk.place.key_id, served=desk.served, persona=persona, now_ms=desk.now_ms)


def sent(desk: Desk, persona: Persona = Persona(), text: str = "Hi") -> Order:  # noqa: B008
    with desk.store.write() as c:
        conversation = conversations.get(c, desk.conversation.id)
        client_id = f"c{len(messages.list_all(c, conversation.id))}"
        _, _, order = orders.send(
            c, conversation, asking(desk, persona), parent_id=None, text=text, client_id=client_id
        )
    assert order is not None
    return order


def test_nothing_is_said_that_nobody_set(desk: Desk) -> None:
    order = sent(desk)
    assert order.body(order.sent.chat) == {
        "model": "large",
        "messages": [{"role": "user", "content": "Hi"}],
    }


def test_instructions_and_parameters_of_both_the_nearer_wins(desk: Desk) -> None:
    desk.conversation = desk.converse(
        instructions="In French.", parameters=Parameters(temperature=0.0, tools=("dates",))
    )
    persona = Persona(
        instructions="Be brief.",
        parameters=Parameters(temperature=1.0, max_tokens=50),
        tools=("calculator", "dates"),
    )
    order = sent(desk, persona)
    assert order.body(order.sent.chat) == {
        "model": "large",
        "messages": [
            {"role": "system", "content": "Be brief.\n\nIn French."},
            {"role": "user", "content": "Hi"},
        ],
        "temperature": 0.0,
        "max_tokens": 50,
    }
    assert order.tools == ("dates",)


@pytest.mark.parametrize(
    ("of_assistant", "of_conversation", "allowed"),
    [
        (None, None, None),
        (None, ("a",), ("a",)),
        (("a", "b"), None, ("a", "b")),
        (("a", "b"), ("b", "c"), ("b",)),
        ((), ("a",), ()),
    ],
)
def test_a_conversation_adds_no_tool_to_its_assistants(
    desk: Desk,
    of_assistant: tuple[str, ...] | None,
    of_conversation: tuple[str, ...] | None,
    allowed: tuple[str, ...] | None,
) -> None:
    desk.conversation = desk.converse(parameters=Parameters(tools=of_conversation))
    assert sent(desk, Persona(tools=of_assistant)).tools == allowed


def test_the_guide_is_told_whom_it_has_before_it(desk: Desk) -> None:
    large = desk.served["large"]
    weak = msgspec.structs.replace(large, deployment="weak", models=("weak",), is_capable=False)
    guide = msgspec.structs.replace(weak, deployment="guide", models=("guide",), kind="guide")
    desk.served = {"large": large, "weak": weak, "guide": guide}
    with desk.store.write() as c:
        conversations.change(c, desk.conversation.id, model="guide")
    system = sent(desk).sent.chat[0]
    assert system["role"] == "system" and system["content"].startswith(MARK)
    told = msgspec.json.decode(system["content"].removeprefix(MARK))
    assert (told["language"], told["is_admin"], told["models"]) == ("en", False, ["large"])


def test_what_is_refused_is_not_kept(desk: Desk) -> None:
    desk.served = {}
    with pytest.raises(NotFound) as refused:
        sent(desk)
    assert refused.value.code == "model_not_found"
    with desk.store.read() as c:
        assert messages.list_all(c, desk.conversation.id) == []


def test_only_answers_go_on_and_only_questions_are_answered_again(desk: Desk) -> None:
    order = sent(desk)
    user_id = order.answer.parent_id
    assert user_id is not None
    with desk.store.write() as c:
        conversation = conversations.get(c, desk.conversation.id)
        with pytest.raises(Conflict) as running:
            orders.go_on(c, conversation, asking(desk), message_id=order.answer.id)
        assert running.value.code == "answer_running"
        ended = msgspec.structs.replace(order.answer, status="done")
        messages.put(c, ended)
        with pytest.raises(InvalidRequest):
            orders.go_on(c, conversation, asking(desk), message_id=user_id)
        with pytest.raises(InvalidRequest):
            orders.again(c, conversation, asking(desk), parent_id=ended.id, model=None)
        # An answer of which nothing had come is simply asked for again.
        again = orders.go_on(c, conversation, asking(desk), message_id=ended.id)
        assert again.answer.id == ended.id
        assert again.sent.chat == [{"role": "user", "content": "Hi"}]
