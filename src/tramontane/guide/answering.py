"""The guide's answer: a pure function of the messages. No language model is involved.

In this order: a key pasted by mistake, a greeting, the next step of a walk, a sum, a question to
the conversation's tables, a date, extracts of its documents, the handbook, and where none of those
fits, that it does not know.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

import msgspec

from tramontane.guide import sums, tabletalk
from tramontane.guide.conversation import Call, Context, Message, questions
from tramontane.guide.extracts import extracts
from tramontane.guide.language import language_of
from tramontane.guide.quoting import quote
from tramontane.guide.search import Hit, index
from tramontane.guide.vocabulary import fold, is_all, listed, say, words_of
from tramontane.guide.walking import Walk, begin
from tramontane.handbook import LANGUAGES, Page, address, pages
from tramontane.tools.dates import describe

SURE = 0.5
NEAR = 0.12
HANDBOOK_FIRST = 0.8
SURELY_PLATFORM = 0.95
"""From here on, a question is the handbook's also where there are documents and it does not name
the platform: a chance word is enough for less."""
_PLATFORM = re.compile(r"\btramontane\b", re.IGNORECASE)
ALSO_SHARE = 0.75
MOST_CHARACTERS = 4_000

_SECRET = re.compile(
    r"\b(?:sk|pk|tmt|ghp|xox[bp]|key)[-_][A-Za-z0-9_-]{16,}\b|\beyJ[\w-]{20,}\.[\w-]+"
)
_WHO = re.compile(
    "|".join(
        (
            r"\b(?:who|what) are you\b",
            r"\bare you (?:an? )?(?:ai|bot|robot|human|person|language model|llm|chatgpt)\b",
            r"\byour name\b|\bwhat (?:can|could) you do\b|\bwhat do you know\b|^(?:please )?help\b",
            r"qui (?:es|êtes)[- ](?:tu|vous)|que (?:sais|savez|peux|pouvez)[- ](?:tu|vous)",
            r"(?:es|êtes)[- ](?:tu|vous) (?:une? )?(?:ia|robot|humain|personne|modèle|intell)",
            r"(?:ton|votre) nom\b|^aide\b|à quoi (?:sers|servez)|comment t'appelles|vous appelez",
            r"(?:wer|was) (?:bist|sind) (?:du|sie)\b|was (?:kannst|können) (?:du|sie)\b",
            r"(?:bist|sind) (?:du|sie) (?:eine? )?(?:ki|roboter|mensch|sprachmodell|bot|echt)",
            r"\b(?:dein|ihr)e? name\b|^hilfe\b|wie (?:heißt|heißen) (?:du|sie)",
            r"quién (?:eres|es usted)|qué eres|cómo (?:te llamas|se llama usted)|\btu nombre",
            r"(?:eres|es usted) (?:una? )?(?:ia|robot|human|persona|máquina|modelo|intelig)",
            r"qué (?:puedes|puede|sabes|sabe)(?: usted)? hacer|^ayuda\b",
            r"chi (?:sei|è lei)|cosa sei|come (?:ti chiami|si chiama lei)|\btuo nome|^aiuto\b",
            r"(?:sei|è lei) (?:un[a']? ?)?(?:ia|robot|uman|persona|macchina|modello|intellig)",
            r"(?:cosa|che cosa) (?:puoi|può|sai|sa) fare",
            r"^(?:can|could) you help|^i need help|besoin d['’]aide|m['’]aider|^aide[zs]?[- ]moi",
            r"mir (?:bitte )?helfen|brauche hilfe|hilf mir|ayudarme|necesito ayuda|ayúdame",
            r"aiutarmi|bisogno (?:di|d['’]) ?aiuto|aiutami",
        )
    ),
    re.IGNORECASE,
)

_TASK = re.compile(
    r"\W*(?:(?:please|bitte|por favor|per favore|s['’]il (?:te|vous) plaît)\W+)?"
    r"(?:(?:can|could) you |(?:peux|pouvez)[- ](?:tu|vous) |(?:kannst|können) (?:du|sie) (?:mir )?"
    r"|(?:puedes|puede) |(?:puoi|può) )?"
    r"(?:translate|summari[sz]e|rewrite|write|draft|proofread|compose"
    r"|tradui(?:re|s|sez)|résume[rz]?|écri(?:re|s|vez)|rédige[rz]?|reformule[rz]?"
    r"|übersetz\w*|fass(?:e|en)?|schreib\w*|verfass\w*|formulier\w*"
    r"|tradu(?:ce|cir|zca)|resum(?:e|ir|a)|escrib(?:e|ir|a)|redact(?:a|ar|e)"
    r"|tradu(?:ci|rre|ca)|riassum(?:i|ere|a)|scriv(?:i|ere|a)(?:mi)?|redigi)\b(?!\W*$)",
    re.IGNORECASE,
)


_UNREAD = frozenset(
    (
        "document_encrypted",
        "document_corrupt",
        "document_empty",
        "document_too_large",
        "document_unsupported",
        "document_timeout",
    )
)


class Piece(msgspec.Struct, frozen=True):
    """A part of the answer, in Markdown; the answer is all of them, one after another."""

    text: str


def prepare(language: str) -> None:
    """Make what the first question in `language` would else have to wait for."""
    index(language)
    language_of([say(language, "hello")], None)
    tabletalk.prepare(language)


def answer(
    messages: Sequence[Message], context: Context, tools: Collection[str] = ()
) -> Iterator[Piece | Call]:
    """Yield the answer to the last question in `messages`, in that question's language.

    Where it takes a tool of `tools`, the last that is yielded is the call, without its id.
    """
    asked = questions(messages)
    language = language_of(asked, context.language)
    blocks = _answer(asked, language, context, messages, tools)
    if not any(isinstance(block, Call) for block in blocks):
        blocks = [*_unread(language, context), *blocks]
    for number, block in enumerate(blocks):
        yield block if isinstance(block, Call) else Piece(("\n\n" if number else "") + block)


def _answer(
    asked: list[str],
    language: str,
    context: Context,
    messages: Sequence[Message],
    tools: Collection[str],
) -> Sequence[str | Call]:
    text = asked[-1][:MOST_CHARACTERS].strip() if asked else ""
    if not text:
        return (
            [say(language, "hello"), say(language, "can")]
            if not asked
            else [say(language, "empty")]
        )
    if _SECRET.search(text):
        return [say(language, "secret")]
    if (greeted := is_all(text, "hello")) is not None:
        spoken = greeted if context.language is None else language
        return [say(spoken, "hello"), say(spoken, "can")]
    walk = _walk(asked, context)
    if walk is not None:
        return _step(walk, walk.page.language, context)
    if (thanked := is_all(text, "thanks")) is not None:
        return [say(thanked if context.language is None else language, "thanks")]
    if is_all(text, "next") is not None:
        return [say(language, "no_walk")]
    if (exact := sums.answer_sum(text, language)) is not None:
        return [exact]
    if (told := tabletalk.from_tables(asked, language, context, messages, tools)) is not None:
        return told
    if (exact := sums.answer_date(text, language, context.today)) is not None:
        return [exact]
    if sums.asks_clock(text):
        return [say(language, "clock", today=describe(context.today, language))]
    if _WHO.search(text) and len(text) < 80:
        return [say(language, "who"), say(language, "can")]
    if _TASK.match(text):
        page = _page(language, "guide")
        return [
            say(language, "task", title=page.title, address=address(page)),
            *_models(language, context),
        ]
    return _from_texts(text, language, context)


def _unread(language: str, context: Context) -> list[str]:
    """Return which files could not be read and why, since the answer is not from them."""
    found = []
    for file in context.unreadable:
        code = file.code if file.code in _UNREAD else "document_corrupt"
        name = " ".join(file.name.replace("`", "'").split())
        found.append(say(language, "unread", file=f"`{name}`", why=say(language, code)))
    return found


def _from_texts(text: str, language: str, context: Context) -> list[str]:
    hits = index(language).search(text)
    best = hits[0].confidence if hits else 0.0
    if context.sources:
        is_platforms = _is_platforms(text, best)
        least = best if is_platforms and best >= HANDBOOK_FIRST else 0.0
        if (said := extracts(text, context.sources, language, least)) is not None:
            return said
        if not is_platforms:
            return _unknown(hits, language, context)
    if best < SURE:
        return _unknown(hits, language, context)
    walk = begin(hits[0]) if _asks_to_add(text, language) else None
    if walk is not None:
        return [*_step(walk, language, context), *_also(hits, language)]
    return [
        say(language, "from"),
        _quoted(quote(hits[0].section.text, text, language, index(language))),
        say(
            language,
            "more",
            title=f"{hits[0].page.title} · {hits[0].section.title}",
            address=address(hits[0].page, hits[0].section),
        ),
        *_also(hits, language),
    ]


def _is_platforms(text: str, best: float) -> bool:
    """Whether the platform is meant and not the documents that there are, too."""
    return best >= (SURE if _PLATFORM.search(text) else SURELY_PLATFORM)


def _asks_to_add(text: str, language: str) -> bool:
    return any(fold(word) in listed(language, "add") for word in words_of(text))


def _also(hits: list[Hit], language: str) -> list[str]:
    """Return where else an answer may stand, where that fits nearly as well."""
    near = [
        hit
        for hit in hits[1:]
        if hit.confidence >= SURE and hit.score >= ALSO_SHARE * hits[0].score
    ]
    links = ", ".join(f"[{hit.page.title}]({address(hit.page, hit.section)})" for hit in near)
    return [f"{say(language, 'also')} {links}"] if near else []


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def _unknown(hits: list[Hit], language: str, context: Context) -> list[str]:
    if context.tables:
        return tabletalk.not_understood(context, language)
    if context.sources:
        return [
            say(language, "not_in_documents"),
            *_other_language(language, context),
            *_platforms(hits, language),
            *_models(language, context),
        ]
    said = [say(language, "unknown")]
    near = [hit for hit in hits if hit.confidence >= NEAR]
    if near:
        lines = [f"- [{hit.page.title}]({address(hit.page, hit.section)})" for hit in near]
        said.append("\n".join([say(language, "near"), "", *lines]))
    return [*said, *_models(language, context)]


def _other_language(language: str, context: Context) -> list[str]:
    """Return that the documents are in another language than the question, where they are."""
    spoken = Counter(source.language for source in context.sources if source.language in LANGUAGES)
    if not spoken or language in spoken:
        return []
    theirs = spoken.most_common(1)[0][0]
    return [
        say(
            language,
            "other_language",
            theirs=say(language, f"in_{theirs}"),
            asked=say(language, f"in_{language}"),
        )
    ]


def _platforms(hits: list[Hit], language: str) -> list[str]:
    """Return where the handbook may answer, should the platform be meant and not the documents."""
    if not hits or hits[0].confidence < SURE:
        return []
    page, section = hits[0].page, hits[0].section
    return [say(language, "if_platform", title=page.title, address=address(page, section))]


def _models(language: str, context: Context) -> list[str]:
    """Return whom to ask instead, or that nobody is there yet."""
    if context.models:
        models = ", ".join(f"`{name}`" for name in context.models[:3])
        return [say(language, "ask_model", models=models)]
    page = _page(language, "add-a-provider")
    return [say(language, "no_model", title=page.title, address=address(page))]


def _page(language: str, slug: str) -> Page:
    return next(page for page in pages(language) if page.slug == slug)


# --- walks ---------------------------------------------------------------------------------------


def _walk(asked: list[str], context: Context) -> Walk | None:
    """Return the step that the last message asks for; None where it asks for no step."""
    steps = 0
    while steps < len(asked) and is_all(asked[-1 - steps], "next") is not None:
        steps += 1
    if not steps or steps == len(asked):
        return None
    before = asked[: len(asked) - steps]
    text = before[-1][:MOST_CHARACTERS]
    language = language_of(before, context.language)
    hits = index(language).search(text)
    if not hits or hits[0].confidence < SURE:
        return None
    if context.sources and not _is_platforms(text, hits[0].confidence):
        return None
    walk = begin(hits[0]) if _asks_to_add(text, language) else None
    if walk is None or steps >= len(walk.steps):
        return None
    return msgspec.structs.replace(walk, at=steps)


def _step(walk: Walk, language: str, context: Context) -> list[str]:
    title, where = walk.page.title, address(walk.page, walk.section)
    said = []
    if walk.at == 0:
        said.append(say(language, "walk"))
        if not context.is_admin:
            said.append(say(language, "admin", title=title, address=where))
    number, count = walk.at + 1, len(walk.steps)
    said.append(
        say(language, "step", number=str(number), count=str(count), text=walk.steps[walk.at])
    )
    if number < count:
        said.append(say(language, "go_on"))
    else:
        said.append(say(language, "last", title=title, address=where))
    return said
