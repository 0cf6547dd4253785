"""Files of other assistants as they really look, made here."""

from typing import Any

CITED = "\ue200cite\ue202turn0search0\ue201"


def node(
    key: str,
    parent: str | None,
    role: str | None = None,
    text: str = "",
    *,
    content: dict[str, Any] | None = None,
    at: float = 0,
    **message: Any,
) -> dict[str, Any]:
    """Return one node of ChatGPT's mapping; without a role it is an empty root."""
    if role is None:
        return {"id": key, "message": None, "parent": parent, "children": []}
    metadata = message.pop("metadata", {})
    if role == "assistant":
        metadata = {"model_slug": "gpt-4o", **metadata}
    return {
        "id": key,
        "parent": parent,
        "children": [],
        "message": {
            "id": key,
            "author": {"role": role, "name": message.pop("name", None), "metadata": {}},
            "create_time": 1_700_000_000.25 + at,
            "update_time": None,
            "content": content or {"content_type": "text", "parts": [text]},
            "status": "finished_successfully",
            "end_turn": True,
            "weight": 1.0,
            "metadata": metadata,
            "recipient": "all",
            "channel": None,
            **message,
        },
    }


def chatgpt(nodes: list[dict[str, Any]], current: str, **fields: Any) -> dict[str, Any]:
    """Return one conversation of `conversations.json`."""
    return {
        "title": "Le vent",
        "create_time": 1_700_000_000.5,
        "update_time": 1_700_000_100.5,
        "mapping": {n["id"]: n for n in nodes},
        "moderation_results": [],
        "current_node": current,
        "plugin_ids": None,
        "conversation_id": "aaaa-1111",
        "conversation_template_id": None,
        "gizmo_id": None,
        "is_archived": False,
        "safe_urls": [],
        "default_model_slug": "gpt-4o",
        "id": "aaaa-1111",
        **fields,
    }


def chatgpt_rich() -> dict[str, Any]:
    """Hidden nodes, a search, an edited question with two branches, an image, reasoning."""
    hidden = {"is_visually_hidden_from_conversation": True}
    reference = {"matched_text": CITED, "alt": "([Météo](https://example.org))", "type": "webpage"}
    image = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-1"}
    thoughts = [{"summary": "Winds", "content": "It blows from the north.", "finished": True}]
    nodes = [
        node("root", None),
        node("sys", "root", "system", metadata=hidden),
        node(
            "custom",
            "sys",
            "user",
            content={"content_type": "user_editable_context", "user_profile": "secret"},
            metadata=hidden,
        ),
        node("q1", "custom", "user", "What is the tramontane?", at=1),
        node(
            "think",
            "q1",
            "assistant",
            content={"content_type": "thoughts", "thoughts": thoughts},
            at=2,
        ),
        node(
            "call",
            "think",
            "assistant",
            content={"content_type": "code", "language": "unknown", "text": "search('wind')"},
            recipient="web",
            at=3,
        ),
        node("found", "call", "tool", "A cold wind.", name="web", at=4),
        node(
            "a1",
            "found",
            "assistant",
            f"A **cold** wind{CITED}.",
            metadata={"content_references": [reference]},
            at=5,
        ),
        node(
            "a1b",
            "q1",
            "assistant",
            "A wind from the Alps.",
            metadata={"model_slug": "o3"},
            at=6,
        ),
        node(
            "q2",
            "a1",
            "user",
            content={"content_type": "multimodal_text", "parts": [image, "And this?"]},
            metadata={
                "attachments": [
                    {"name": "map.png", "mime_type": "image/png"},
                    {"name": "plan (1).pdf", "mime_type": "application/pdf"},
                ]
            },
            at=7,
        ),
        node("a2", "q2", "assistant", "A map.", at=8),
        node("q2b", "a1", "user", "And in winter?", at=9),
        node("a2b", "q2b", "assistant", "Colder.", at=10),
    ]
    return chatgpt(nodes, "a2b")


def openwebui(**fields: Any) -> dict[str, Any]:
    """Return one chat of Open WebUI's export: two models side by side, reasoning, a tool."""
    answer = (
        '<details type="reasoning" done="true" duration="3">\n<summary>Thought for 3 seconds'
        "</summary>\n&gt; First, 2 &lt; 3.\n&gt; Then add.\n</details>\n"
        '<details type="tool_calls" done="true" id="call_1" name="calculator"'
        ' arguments="&quot;{\\&quot;sum\\&quot;: \\&quot;2+3\\&quot;}&quot;"'
        ' result="&quot;5&quot;" files="">\n<summary>Tool Executed</summary>\n</details>\n'
        "It is 5."
    )
    messages = {
        "u1": {
            "id": "u1",
            "parentId": None,
            "childrenIds": ["m1", "m2"],
            "role": "user",
            "content": "2+3?",
            "timestamp": 1_700_000_000,
            "models": ["mistral-small", "llama"],
            "files": [{"type": "file", "name": "sums.csv"}],
        },
        "m1": {
            "id": "m1",
            "parentId": "u1",
            "childrenIds": ["u2"],
            "role": "assistant",
            "content": answer,
            "model": "mistral-small",
            "modelName": "Mistral Small",
            "modelIdx": 0,
            "timestamp": 1_700_000_001,
            "done": True,
            "annotation": {"rating": 1, "comment": "right"},
        },
        "m2": {
            "id": "m2",
            "parentId": "u1",
            "childrenIds": [],
            "role": "assistant",
            "content": "Six?",
            "model": "llama",
            "modelIdx": 1,
            "timestamp": 1_700_000_001,
            "annotation": {"rating": -1, "reason": "wrong"},
        },
        "u2": {
            "id": "u2",
            "parentId": "m1",
            "childrenIds": [],
            "role": "user",
            "content": "Thanks",
            "timestamp": 1_700_000_050,
        },
    }
    return {
        "id": "bbbb-2222",
        "user_id": "u",
        "title": "Sums",
        "chat": {
            "id": "",
            "title": "Sums",
            "models": ["mistral-small", "llama"],
            "params": {"system": "Be brief."},
            "history": {"messages": messages, "currentId": "u2"},
            "messages": [],
            "tags": [],
            "timestamp": 1_700_000_000_123,
        },
        "updated_at": 1_700_000_060,
        "created_at": 1_700_000_000,
        "share_id": None,
        "archived": True,
        "pinned": True,
        "meta": {"tags": []},
        "folder_id": None,
        **fields,
    }
