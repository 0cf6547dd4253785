"""A conversation as Markdown, to be read, printed or kept: the branch that is shown, in order.

Pure. The reader's language decides the few words that are ours.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from tramontane.assistant.transfer import proofs
from tramontane.store.conversations import Conversation
from tramontane.store.messages import (
    FilesPart,
    Message,
    ReasoningPart,
    ResultPart,
    TextPart,
    ToolPart,
)

_WORDS: dict[str, dict[str, str]] = {
    "de": {
        "asked": "{name} fragte",
        "wrote": "Das Modell {name} schrieb",
        "reasoning": "Überlegung des Modells",
        "tool": "Werkzeug",
        "result": "Ergebnis",
        "failed": "Die Antwort brach ab: {message}",
        "cut": "Die Antwort wurde nicht zu Ende geschrieben.",
        "untitled": "Unterhaltung",
        "kept": "Mit Tramontane festgehalten am {time} (UTC). Antworten eines Modells können falsch"
        " sein.",
    },
    "en": {
        "asked": "{name} asked",
        "wrote": "The model {name} wrote",
        "reasoning": "The model's reasoning",
        "tool": "Tool",
        "result": "Result",
        "failed": "The answer broke off: {message}",
        "cut": "The answer was not written to its end.",
        "untitled": "Conversation",
        "kept": "Kept with Tramontane on {time} (UTC). What a model answers can be wrong.",
    },
    "es": {
        "asked": "{name} preguntó",
        "wrote": "El modelo {name} escribió",
        "reasoning": "Razonamiento del modelo",
        "tool": "Herramienta",
        "result": "Resultado",
        "failed": "La respuesta se interrumpió: {message}",
        "cut": "La respuesta no se escribió hasta el final.",
        "untitled": "Conversación",
        "kept": "Guardado con Tramontane el {time} (UTC). Lo que responde un modelo puede ser"
        " erróneo.",
    },
    "fr": {
        "asked": "{name} a demandé",
        "wrote": "Le modèle {name} a écrit",
        "reasoning": "Raisonnement du modèle",
        "tool": "Outil",
        "result": "Résultat",
        "failed": "La réponse s'est interrompue : {message}",
        "cut": "La réponse n'a pas été écrite jusqu'au bout.",
        "untitled": "Conversation",
        "kept": "Conservé avec Tramontane le {time} (UTC). Ce que répond un modèle peut être faux.",
    },
    "it": {
        "asked": "{name} ha chiesto",
        "wrote": "Il modello {name} ha scritto",
        "reasoning": "Ragionamento del modello",
        "tool": "Strumento",
        "result": "Risultato",
        "failed": "La risposta si è interrotta: {message}",
        "cut": "La risposta non è stata scritta fino alla fine.",
        "untitled": "Conversazione",
        "kept": "Conservato con Tramontane il {time} (UTC). Ciò che risponde un modello può essere"
        " sbagliato.",
    },
}


def render(
    conversation: Conversation,
    branch: Iterable[Message],
    language: str,
    now_ms: int,
    charts: Collection[str] = (),
) -> str:
    """Return the conversation as Markdown, ending with a newline.

    `charts` are the results whose charts stand there as pictures (`proofs.CHART`).
    """
    words = _WORDS.get(language, _WORDS["en"])
    title = _line(conversation.title) or words["untitled"]
    blocks = [f"# {title}", f"*{words['kept'].format(time=_moment(now_ms))}*"]
    for message in branch:
        blocks += _message(message, conversation.owner_name, words, language, charts)
    return "\n\n".join(blocks) + "\n"


def _message(
    message: Message, asker: str, words: dict[str, str], language: str, charts: Collection[str]
) -> list[str]:
    if message.role == "user":
        head = words["asked"].format(name=_line(asker))
    else:
        head = words["wrote"].format(name=_line(message.model or "?"))
    blocks = ["---", f"**{head}** · {_moment(message.created_at_ms)}"]
    results = {part.id for part in message.parts if isinstance(part, ResultPart)}
    for part in message.parts:
        if isinstance(part, TextPart):
            blocks.append(part.text.strip())
        elif isinstance(part, ReasoningPart):
            blocks.append(_quoted(f"**{words['reasoning']}**\n\n{part.text.strip()}"))
        elif isinstance(part, ToolPart):
            blocks += _tool(part, words) if part.id not in results else []
        elif isinstance(part, FilesPart):
            blocks.append(proofs.of_files(part, language))
        elif isinstance(part, ResultPart):
            blocks += proofs.of_result(part, language, charts)
    blocks += proofs.of_answer(message, language)
    if message.error is not None:
        blocks.append(f"*{words['failed'].format(message=_line(message.error.message))}*")
    elif message.status in ("stopped", "interrupted"):
        blocks.append(f"*{words['cut']}*")
    return [block for block in blocks if block]


def _tool(part: ToolPart, words: dict[str, str]) -> list[str]:
    blocks = [f"*{words['tool']}: {_line(part.name)}*", _fenced(part.arguments)]
    if part.result is not None:
        blocks += [f"*{words['result']}*", _fenced(part.result)]
    return blocks


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def _fenced(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text.strip()}\n{fence}"


def _line(text: str) -> str:
    return " ".join(text.split())


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%d %H:%M")
