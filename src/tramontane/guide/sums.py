"""Questions that are sums or dates, answered exactly. None for what is neither.

It does not know the handbook; the arithmetic itself is in `tools`.
"""

import re
from datetime import date

from tramontane.guide.vocabulary import fold, listed, words_of
from tramontane.tools import calculator, dates
from tramontane.tools.calendar import Found, NoSuchDate, find_dates
from tramontane.tools.sums import CannotCalculate, Token, pick

MOST_CHARACTERS = 500  # what is longer is no sum

_DAYS = re.compile(
    r"\b(?:days?|weeks?|working days?|jours?|semaines?|tage?|arbeitstage?|wochen?"
    r"|d[ií]as?|semanas?|giorni|giorno|settiman[ae])\b",
    re.I,
)
_APART = re.compile(
    r"\b(?:how many|how long|between|until|till|from|since|combien|entre|jusqu|avant|depuis|reste"
    r"|wie ?viele?|wie lange|zwischen|bis|seit|cu[aá]nt[oa]s|hasta|desde|faltan?|quant[ie]|tra|fra"
    r"|fino|mancan?o?|dal)\b",
    re.I,
)
_WHICH = re.compile(
    r"\b(?:what(?:'s| is)? (?:the |today's )?(?:date|day)|which (?:date|day|week)|what week"
    r"|what(?:'s| is) today|today's date|week number"
    r"|quel(?:le)? (?:est la |est le |sera la )?(?:date|jour|semaine)|quel jour|quelle semaine"
    r"|num[eé]ro de (?:la )?semaine"
    r"|welche[rsn]? (?:tag|datum|wochentag|woche|kalenderwoche)|kalenderwoche"
    r"|qu[eé] (?:d[ií]a|fecha|semana)|cu[aá]l es la fecha"
    r"|che (?:giorno|data|settimana)|qual [eè] la data|in che settimana|quale settimana"
    r"|when is|quand est|wann ist|cu[aá]ndo es|quando [eè])(?!\w)",
    re.I,
)
_TODAY = re.compile(
    r"\b(?:today|today's|now|aujourd|sommes|heute|hoy|oggi|is it|est-on|on est|estamos|siamo)\b",
    re.I,
)
_CLOCK = re.compile(
    r"\b(?:what time is it|what's the time|quelle heure|wie sp[aä]t|wieviel uhr|wie viel uhr"
    r"|qu[eé] hora|che or[ae])\b",
    re.I,
)
_BACK = re.compile(
    r"\b(?:ago|before|earlier|il y a|avant|auparavant|vor|vorher|hace|antes|fa|prima)\b", re.I
)
_LATER = re.compile(
    r"\b(?:in|after|later|from|plus|dans|apr[eè]s|plus tard|nach|sp[aä]ter|ab|dentro de"
    r"|despu[eé]s|m[aá]s|tra|fra|dopo|pi[uù])\b|\+",
    re.I,
)
_DIRECTION = re.compile(
    r"in|after|later|from|ago|before|dans|apres|après|il|y|a|avant|nach|vor|in|dentro|de|hace|antes"
    r"|despu[eé]s|tra|fra|dopo|fa|prima",
    re.I,
)
_COUNT = re.compile(
    r"(?P<count>\d{1,7})\s*(?P<unit>"
    r"(?P<working_days>working days?|business days?|jours? ouvr[eé]s?|jours? ouvrables?"
    r"|arbeitstagen?|werktagen?|d[ií]as? (?:laborables?|h[aá]biles?)|giorn[oi] lavorativ[oi])"
    r"|(?P<days>days?|jours?|tagen?|tage?|d[ií]as?|giorn[oi])"
    r"|(?P<weeks>weeks?|semaines?|wochen?|semanas?|settiman[ae])"
    r"|(?P<months>months?|mois|monaten?|monate?|mes(?:es)?|mes[ei])"
    r"|(?P<years>years?|ans?|ann[eé]es?|jahren?|jahre?|a[nñ]os?|ann[oi]))\b",
    re.I,
)


def answer_sum(text: str, language: str) -> str | None:
    """Return the answer to a question that is a sum and nothing else, or why there is none."""
    if len(text) > MOST_CHARACTERS:
        return None
    tokens, rest = pick(text)
    if _is_conversion(tokens) and len(words_of(rest)) < 6:
        return CannotCalculate("units").explain(language)
    if words_of(rest) and not (_is_sum(tokens) and _is_asking(rest)):
        return None
    if not any(token.kind == "sign" for token in tokens):
        return None
    try:
        found = calculator.calculate(" ".join(token.text for token in tokens), language)
    except CannotCalculate as error:
        return error.explain(language)
    return f"**{found}**"


def _is_sum(tokens: list[Token]) -> bool:
    numbers = sum(token.kind == "number" for token in tokens)
    signs = {token.text for token in tokens if token.kind == "sign"} - {"(", ")"}
    return (numbers >= 2 and bool(signs)) or (numbers >= 1 and bool(signs & {"√", "²", "³"}))


def _is_conversion(tokens: list[Token]) -> bool:
    """Whether one amount is followed by another currency."""
    kinds = [token.kind for token in tokens if token.kind != "sign"]
    units = {token.text for token in tokens if token.kind == "unit"}
    return kinds.count("number") == 1 and len(units) == 2


def _is_asking(rest: str) -> bool:
    """Whether what stands around a sum only asks for it."""
    asking = frozenset().union(*(listed(l, "sum") for l in ("en", "fr", "de", "es", "it")))  # noqa: E741
    return all(fold(word) in asking for word in words_of(rest))


def answer_date(text: str, language: str, today: date) -> str | None:
    """Return the answer to a question about dates, or that a day does not exist."""
    if len(text) > MOST_CHARACTERS:
        return None
    try:
        found = find_dates(text, today)
        return _answer(text, found, language, today)
    except NoSuchDate as error:
        return dates.run(
            {"operation": "describe", "date": str(error), "language": language}, today
        ).text
    except OverflowError:
        return None


def asks_clock(text: str) -> bool:
    """Whether the time of day is asked for, which is not known here."""
    return _CLOCK.search(text) is not None


def _answer(text: str, found: list[Found], language: str, today: date) -> str | None:
    bare = _without(text, found)
    counted = list(_COUNT.finditer(bare))
    rest = [word for word in words_of(_COUNT.sub(" ", bare)) if not _DIRECTION.fullmatch(word)]
    if counted and (found or _WHICH.search(text) or not rest):
        is_back = _BACK.search(bare) is not None
        if is_back or _LATER.search(bare) or not rest:
            return dates.tell_move(
                found[0].day if found else today, _span(counted, is_back=is_back), language
            )
    if len(found) == 2 and _DAYS.search(bare) and _APART.search(bare):
        return dates.tell_difference(found[0].day, found[1].day, language)
    if len(found) == 1 and not counted and _DAYS.search(bare) and _APART.search(bare):
        return dates.tell_difference(today, found[0].day, language)
    if len(found) == 1 and (_WHICH.search(text) or not words_of(bare)):
        return dates.describe(found[0].day, language)
    if not found and _WHICH.search(text) and _TODAY.search(text):
        return dates.describe(today, language)
    return None


def _without(text: str, found: list[Found]) -> str:
    for one in reversed(found):
        text = f"{text[: one.start]} {text[one.end :]}"
    return text


def _span(counted: list[re.Match[str]], *, is_back: bool) -> dates.Span:
    steps: dict[str, int] = {}
    for match in counted:
        (unit,) = [
            name
            for name, text in match.groupdict().items()
            if text is not None and name not in ("count", "unit")
        ]
        steps[unit] = steps.get(unit, 0) + int(match["count"]) * (-1 if is_back else 1)
    return dates.Span(**steps)
