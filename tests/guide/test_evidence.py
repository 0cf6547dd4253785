"""What a question asks for is recognised, and the sentence chosen that has it."""

import pytest

from tramontane.guide import evidence
from tramontane.guide.asking import asked_for
from tramontane.guide.conversation import SourceText


@pytest.mark.parametrize(
    ("kind", "language", "questions"),
    [
        ("time", "en", ["When was it built?", "In which year did it end?", "What century was it?"]),
        ("time", "fr", ["Quand a-t-il fini ?", "En quelle année est-ce ?", "À quelle date ?"]),
        ("time", "de", ["Wann war das?", "In welchem Jahr endete es?", "Seit wann gilt das?"]),
        ("time", "es", ["¿Cuándo fue?", "¿En qué año terminó?", "¿En que fecha?"]),
        ("time", "it", ["Quando è finito?", "In quale anno?", "In che secolo visse?"]),
        ("number", "en", ["How many are there?", "How long is it?", "What percentage voted?"]),
        ("number", "fr", ["Combien coûte-t-il ?", "Quel est le nombre d’élèves ?"]),
        ("number", "de", ["Wie viele sind es?", "Wie hoch ist er?", "Welche Anzahl gab es?"]),
        ("number", "es", ["¿Cuántos hay?", "¿Qué porcentaje votó?", "¿Cuál es la población?"]),
        ("number", "it", ["Quanti sono?", "Quanto costa?", "Qual è il numero di alunni?"]),
        ("person", "en", ["Who wrote it?", "Whose idea was it?"]),
        ("person", "fr", ["Qui l’a écrit ?", "De qui est-ce l’idée ?"]),
        ("person", "de", ["Wer schrieb es?", "Wessen Idee war das?"]),
        ("person", "es", ["¿Quién lo escribió?", "¿A quiénes?"]),
        ("person", "it", ["Chi l’ha scritto?", "Di chi è l’idea?"]),
        ("place", "en", ["Where is it?", "In what city was it built?"]),
        ("place", "fr", ["Où est-ce ?", "Dans quelle ville ?"]),
        ("place", "de", ["Wo liegt es?", "In welcher Stadt?", "Woher kommt er?"]),
        ("place", "es", ["¿Dónde está?", "¿En qué ciudad?"]),
        ("place", "it", ["Dove si trova?", "In quale città?", "Dov’è?"]),
        ("reason", "en", ["Why did it close?"]),
        ("reason", "fr", ["Pourquoi a-t-il fermé ?"]),
        ("reason", "de", ["Warum schloss es?", "Weshalb?"]),
        ("reason", "es", ["¿Por qué cerró?"]),
        ("reason", "it", ["Perché ha chiuso?"]),
        ("other", "en", ["What does it mean?", "Explain the rule."]),
        ("other", "de", ["Was bedeutet das?"]),
    ],
)
def test_what_is_asked_for(kind: str, language: str, questions: list[str]) -> None:
    assert {asked_for(question, language) for question in questions} == {kind}


CASES = [
    (
        "en", "When was the bridge closed?", 2,
        ["The bridge is long.", "The bridge was closed by the council.",
         "The council closed the bridge in May 1998.", "People were sad."],
    ),
    (
        "en", "Who closed the bridge?", 1,
        ["The bridge was closed at night.", "The bridge was closed by Mary Hill.", "It is long."],
    ),
    (
        "de", "Wie viele Schulen hat die Stadt?", 1,
        ["Die Stadt hat Schulen und Parks.", "Es gibt 42 Schulen in der Stadt.", "Sie sind alt."],
    ),
    (
        "fr", "Où se trouve la mairie ?", 1,
        ["La mairie est ancienne.", "La mairie se trouve à Lyon, place Carnot.", "Fin."],
    ),
    (
        "es", "¿Cuántas veces se cerró el puente?", 1,
        ["Otras veces el puente se pinta.", "El puente se cerró 12 días.", "Fue triste."],
    ),
    (
        "it", "Chi ha chiuso il ponte?", 1,
        ["Il ponte è stato chiuso di notte.", "Il ponte è stato chiuso dalla sindaca Anna Rossi.",
         "È lungo."],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("language", "question", "wanted", "text"), CASES)
def test_the_sentence_with_an_answer_is_best(
    language: str, question: str, wanted: int, text: list[str]
) -> None:
    source = SourceText(number=1, document="a", page=1, text=" ".join(text), language=language)
    found = evidence.best(question, [source], language)
    starts = sorted(sentence.start for sentence in found)
    assert starts.index(found[0].start) == wanted
    assert 0 <= found[0].certainty <= 1


def test_what_answers_is_surer_than_what_does_not() -> None:
    text = "The bridge was closed in May 1998 by the council of the town."
    source = SourceText(number=1, document="a", page=1, text=text, language="en")

    def certainty(question: str) -> float:
        return evidence.best(question, [source], "en")[0].certainty

    threshold = evidence.fitted().threshold
    assert certainty("When was the bridge closed?") > threshold
    assert certainty("When was penicillin discovered by Fleming?") < threshold
    assert certainty("When did the airport of Lyon open its bridge?") < certainty("bridge closed?")


def test_weights_name_what_there_is() -> None:
    weights = evidence.fitted()
    assert weights.score.keys() == set(evidence.FEATURES)
    assert weights.certainty.keys() == set(evidence.CERTAINTIES)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("When " + "x y " * 900, "word " * 4_000),
        ("How many " + "bridges " * 400, "12 " * 8_000),
        ("Who " + "A" * 3_000, "Ab Cd " * 4_000),
        ("Why um " + "zu " * 900, "um a " * 4_000),
        ("Donau" * 700, "Donaudampf" * 2_000),
    ],
)
def test_no_question_takes_long(question: str, text: str) -> None:
    source = SourceText(number=1, document="a", page=1, text=text, language="de")
    evidence.best(question, [source] * 8, "de")
