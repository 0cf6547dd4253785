"""Sums in figures and words, cut into tokens; and where in a sentence a sum stands.

"douze" is not read, "12 fois 3" is. It does not know what a sum comes to.
"""

import re
from typing import Literal

import msgspec

from tramontane.tools.numbers import NUMBER

Kind = Literal["number", "sign", "unit"]
Problem = Literal[
    "empty", "too_long", "too_deep", "unexpected", "unfinished", "number", "units", "zero", "root",
    "too_large",
]  # fmt: skip


class Token(msgspec.Struct, frozen=True):
    """A number as written, a sign in one spelling, or a unit of money in one spelling."""

    kind: Kind
    text: str


class CannotCalculate(ValueError):
    """The sum cannot be worked out; `problem` says why, `detail` where."""

    def __init__(self, problem: Problem, detail: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.detail = detail[:40]

    def __str__(self) -> str:
        """Return the reason in English."""
        return self.explain("en")

    def explain(self, language: str) -> str:
        """Return the reason in the reader's language."""
        return _EXPLAINED[language][self.problem].format(detail=self.detail)


# Longer ones first, where one begins like another.
_PHRASES: tuple[tuple[str, str], ...] = (
    (r"per\s?cent|pour\s?cents?|pourcents?|prozent|por\s?ciento|per\s?cento", "%"),
    (
        (
            r"(?:the )?square root of|(?:la )?racine carrée (?:de|du)|(?:la )?racine (?:de|du)"
            r"|(?:die )?(?:quadrat)?wurzel (?:aus|von)|(?:la )?ra[ií]z cuadrada (?:de|del)"
            r"|(?:la )?radice quadrata (?:di|del)|sqrt|racine|wurzel|ra[ií]z|radice"
        ),
        "√",
    ),
    (
        (
            r"multiplied by|multiplié(?:e)? par|multipliziert mit|multiplicado por"
            r"|moltiplicat[oa] per|times|fois|mal|veces|volte"
        ),
        "*",
    ),
    (
        (
            r"divided by|divisé(?:e)? par|geteilt durch|dividiert durch|dividido (?:por|entre)"
            r"|divis[oa](?: per| da)?|durch"
        ),
        "/",
    ),
    (r"(?:raised )?to the power(?: of)?|(?:à la )?puissance|hoch|elevad[oa] a|elevato a", "^"),
    (r"squared|au carré|zum quadrat|al cuadrado|al quadrato", "²"),
    (r"cubed|au cube|al cubo", "³"),
    (r"modulo|mod", "mod"),
    (r"plus|más|mas|più|piu", "+"),
    (r"minus|moins|menos|meno|weniger", "-"),
    (r"euros?|eur", "€"),
    (r"dollars?|d[oó]lar(?:es)?|dollari|usd|us\$", "$"),
    (r"pounds?|livres? sterling|pfund|libras?|sterline?|gbp", "£"),
    (r"francs? suisses?|swiss francs?|franken|francos? suizos?|franchi svizzeri|chf|sfr", "CHF"),
)
_WORDS = tuple((re.compile(rf"(?<![^\W\d_])(?:{p})(?![^\W\d_])", re.I), to) for p, to in _PHRASES)
# What stands between a percentage and its whole, and between two factors in some languages.
_OF = re.compile(
    r"%\s*(?:of|de|du|des|d['’]|von|vom|der|del|de la|della|dello|dell['’]|di|dei|des)\s*"
    r"(?:(?:the|la|le|les|el|los|las|il|lo|i|gli|l['’])\s*)?(?=[\d(√€$£+\-−.,]|CHF)",
    re.I,
)
_PER = re.compile(r"(?<=[\d)%²³€$£])\s*(?:per|por)\s*(?=[\d(√€$£])", re.I)
_ENTRE = re.compile(r"(?<=[\d)%²³€$£])\s*entre\s*(?=[\d(√€$£])", re.I)
_X = re.compile(r"(?<=[\d)%²³€$£])\s*[xX]\s*(?=[\d(√€$£+\-−])")
_SIGNS = str.maketrans({"−": "-", "–": "-", "×": "*", "·": "*", "∙": "*", "⋅": "*", "÷": "/",
                        "∶": "/", ":": "/", "[": "(", "]": ")"})  # fmt: skip
_TOKEN = re.compile(
    rf"(?P<number>{NUMBER.pattern})|(?P<unit>€|\$|£|CHF)|(?P<sign>\*\*|mod|of|[-+*/^%²³√()])"
    r"|(?P<space>\s+)",
)


def spell(text: str) -> str:
    """Return `text` with the words and marks of sums in one spelling; the rest stays."""
    for pattern, mark in _WORDS:
        text = pattern.sub(mark if mark != "mod" else " mod ", text)
    text = _OF.sub("% of ", text.translate(_SIGNS))
    return _ENTRE.sub("/", _PER.sub("*", _X.sub("*", text)))


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of a sum. Raises CannotCalculate at what is none.

    A final "=" or "?" is left out. "%" before a number or parenthesis is the remainder.
    """
    text = spell(text).strip().rstrip("=?. \u00a0\u202f")
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise CannotCalculate("unexpected", _word_at(text, at))
        at = match.end()
        token = _token(match)
        if token is not None:
            found.append(token)
    return _remainders(found)


def pick(text: str) -> tuple[list[Token], str]:
    """Return the tokens that stand anywhere in a sentence, and what is left of it."""
    text = spell(text)
    found = [token for m in _TOKEN.finditer(text) if (token := _token(m)) is not None]
    return _remainders(found), _TOKEN.sub(" ", text)


def _token(found: re.Match[str]) -> Token | None:
    text = found.group()
    match found.lastgroup:
        case "number":
            return Token("number", text)
        case "unit":
            return Token("unit", text)
        case "sign":
            return Token("sign", "^" if text == "**" else text)
        case _:
            return None


def _remainders(tokens: list[Token]) -> list[Token]:
    for i, token in enumerate(tokens[:-1]):
        after = tokens[i + 1]
        if token == Token("sign", "%") and (after.kind == "number" or after.text == "("):
            tokens[i] = Token("sign", "mod")
    return tokens


def _word_at(text: str, at: int) -> str:
    match = re.compile(r"\S+").match(text, at)
    return match.group() if match else text[at]


_EXPLAINED: dict[str, dict[Problem, str]] = {
    "en": {
        "empty": "There is nothing to calculate.",
        "too_long": "The sum is too long: 500 characters are read at most.",
        "too_deep": "The sum has too many parentheses inside one another.",
        "unexpected": "The sum cannot be read at “{detail}”.",
        "unfinished": "The sum breaks off: a number is missing at its end.",
        "number": "“{detail}” is not a number.",
        "units": "Different currencies, or money times money, cannot be combined:"
        " there are no exchange rates here.",
        "zero": "Division by zero has no answer.",
        "root": "The root of a negative number is not worked out here.",
        "too_large": "The answer has more than 500 digits.",
    },
    "fr": {
        "empty": "Il n’y a rien à calculer.",
        "too_long": "Le calcul est trop long : 500 caractères au plus.",
        "too_deep": "Le calcul a trop de parenthèses les unes dans les autres.",
        "unexpected": "Le calcul n’est pas lisible à « {detail} ».",
        "unfinished": "Le calcul s’interrompt : il manque un nombre à la fin.",
        "number": "« {detail} » n’est pas un nombre.",
        "units": "Des monnaies différentes, ou de l’argent multiplié par de l’argent, ne se"
        " combinent pas : il n’y a pas de taux de change ici.",
        "zero": "Une division par zéro n’a pas de résultat.",
        "root": "La racine d’un nombre négatif n’est pas calculée ici.",
        "too_large": "Le résultat a plus de 500 chiffres.",
    },
    "de": {
        "empty": "Es gibt nichts zu rechnen.",
        "too_long": "Die Rechnung ist zu lang: höchstens 500 Zeichen.",
        "too_deep": "Die Rechnung hat zu viele Klammern ineinander.",
        "unexpected": "Die Rechnung ist bei „{detail}“ nicht zu lesen.",
        "unfinished": "Die Rechnung bricht ab: Am Ende fehlt eine Zahl.",
        "number": "„{detail}“ ist keine Zahl.",
        "units": "Verschiedene Währungen oder Geld mal Geld lassen sich nicht verrechnen:"
        " Wechselkurse gibt es hier nicht.",
        "zero": "Eine Teilung durch null hat kein Ergebnis.",
        "root": "Die Wurzel einer negativen Zahl wird hier nicht berechnet.",
        "too_large": "Das Ergebnis hat mehr als 500 Stellen.",
    },
    "es": {
        "empty": "No hay nada que calcular.",
        "too_long": "El cálculo es demasiado largo: 500 caracteres como máximo.",
        "too_deep": "El cálculo tiene demasiados paréntesis unos dentro de otros.",
        "unexpected": "El cálculo no se puede leer en «{detail}».",
        "unfinished": "El cálculo se interrumpe: falta un número al final.",
        "number": "«{detail}» no es un número.",
        "units": "Monedas distintas, o dinero por dinero, no se pueden combinar:"
        " aquí no hay tipos de cambio.",
        "zero": "Una división entre cero no tiene resultado.",
        "root": "La raíz de un número negativo no se calcula aquí.",
        "too_large": "El resultado tiene más de 500 cifras.",
    },
    "it": {
        "empty": "Non c’è nulla da calcolare.",
        "too_long": "Il calcolo è troppo lungo: 500 caratteri al massimo.",
        "too_deep": "Il calcolo ha troppe parentesi una dentro l’altra.",
        "unexpected": "Il calcolo non si può leggere a «{detail}».",
        "unfinished": "Il calcolo si interrompe: manca un numero alla fine.",
        "number": "«{detail}» non è un numero.",
        "units": "Valute diverse, o denaro per denaro, non si possono combinare:"
        " qui non ci sono tassi di cambio.",
        "zero": "Una divisione per zero non ha risultato.",
        "root": "La radice di un numero negativo non si calcola qui.",
        "too_large": "Il risultato ha più di 500 cifre.",
    },
}
