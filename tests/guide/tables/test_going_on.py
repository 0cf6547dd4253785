"""Which questions go on from the one before, and which start anew; sequences in five languages."""

import pytest

from tests.guide.tables.asked import TODAY, database
from tramontane.documents import citations
from tramontane.guide import ColumnFacts, TableFacts
from tramontane.guide import tables as grammar
from tramontane.tables.claims import claims

LANGUAGES = ("en", "fr", "de", "es", "it")
# What the line begins with that says what was understood: on its own, and going on.
ALONE = {"en": "Understood as: ", "fr": "Compris comme : ", "de": "Verstanden als: ",
         "es": "Entendido como: ", "it": "Inteso come: "}  # fmt: skip
GOING_ON = {
    "en": "Understood as going on from your question before",
    "fr": "Compris comme la suite de la question précédente",
    "de": "Verstanden als Fortsetzung der Frage davor",
    "es": "Entendido como continuación de la pregunta anterior",
    "it": "Inteso come seguito della domanda precedente",
}
TITLES = {
    "en": ("Office", "Kind", "Day", "Amount"),
    "fr": ("Service", "Nature", "Jour", "Montant"),
    "de": ("Amt", "Kostenart", "Datum", "Betrag"),
    "es": ("Oficina", "Clase", "Fecha", "Importe"),
    "it": ("Ufficio", "Tipo", "Data", "Importo"),
}
# A grouping, a first place with two conditions, a mean of March, then the total of one office.
EXPENSES = {
    "en": ("Total of the amounts by office", "Which office spent the most on IT in 2025?",
           "What was the average in March?", "What is the total amount of Bauamt?"),
    "fr": ("Total des montants par service",
           "Quel service a le montant le plus élevé pour IT en 2025 ?",
           "Quelle était la moyenne en mars ?", "Quel est le montant total du Bauamt ?"),
    "de": ("Summe der Beträge je Amt", "Welches Amt hat 2025 am meisten für IT ausgegeben?",
           "Wie hoch war der Durchschnitt im März?", "Wie hoch ist der Gesamtbetrag für Bauamt?"),
    "es": ("Total de los importes por oficina",
           "¿Qué oficina tiene el importe más alto para IT en 2025?",
           "¿Cuál fue la media en marzo?", "¿Cuál es el importe total de Bauamt?"),
    "it": ("Totale degli importi per ufficio",
           "Quale ufficio ha l'importo più alto per IT nel 2025?",
           "Qual era la media a marzo?", "Qual è l'importo totale di Bauamt?"),
}  # fmt: skip
# A first question with a condition, then ones that need it.
ELLIPTIC = {
    "en": ("Total amount for Lyon", "and in 2023?", "only Paris", "by month instead"),
    "fr": ("Montant total pour Lyon", "et en 2023 ?", "et pour Paris ?", "plutôt par mois"),
    "de": ("Gesamtbetrag für Lyon", "und 2023?", "nur Paris", "stattdessen nach Monat"),
    "es": ("Importe total de Lyon", "¿y en 2023?", "solo Paris", "¿y por mes?"),
    "it": ("Importo totale di Lyon", "e nel 2023?", "solo Paris", "invece per mese"),
}
MEANS = {
    "en": "What was the average in March?",
    "fr": "Quelle était la moyenne en mars ?",
    "de": "Wie hoch war der Durchschnitt im März?",
    "es": "¿Cuál fue la media en marzo?",
    "it": "Qual era la media a marzo?",
}


def expenses(language: str) -> TableFacts:
    office, kind, day, amount = TITLES[language]
    return TableFacts(
        name="expenses", title="Ausgaben 2025", row_count=400,
        columns=(
            ColumnFacts(name="office", title=office, type="text", distinct=3,
                        values=("Bauamt", "Ordnungsamt", "Sozialamt")),
            ColumnFacts(name="kind", title=kind, type="text", distinct=3,
                        values=("IT", "Personal", "Reisen")),
            ColumnFacts(name="day", title=day, type="date", distinct=300,
                        minimum="2024-01-01", maximum="2025-12-31"),
            ColumnFacts(name="amount", title=amount, type="number", distinct=390,
                        minimum=1, maximum=9_999),
        ),
    )  # fmt: skip


def asked(
    question: str, earlier: tuple[str, ...], table: TableFacts, language: str
) -> grammar.Asked:
    found = grammar.ask(question, earlier, [table], language, TODAY)
    assert isinstance(found, grammar.Asked), (question, found)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_stands_on_its_own_starts_anew(language: str) -> None:
    table, said = expenses(language), EXPENSES[language]
    for at, question in enumerate(said):
        found = asked(question, said[:at], table, language)
        assert found == asked(question, (), table, language)
        assert found.understood.startswith(ALONE[language])
    mean = asked(said[2], said[:2], table, language)
    assert 'avg("amount")' in mean.sql
    assert "IT" not in mean.sql and "GROUP BY" not in mean.sql and "2025" not in mean.sql
    total = asked(said[3], said[:3], table, language)
    assert 'sum("amount")' in total.sql
    assert total.sql.endswith("""WHERE "office" = 'Bauamt'""")


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_elliptic_question_goes_on_and_says_first_what_it_keeps(language: str) -> None:
    (table,) = database(language).facts["orders"]
    said = ELLIPTIC[language]
    amount = next(c for c in table.columns if c.title in ("Amount", "Montant", "Betrag", "Importe",
                                                          "Importo"))  # fmt: skip
    year = asked(said[1], said[:1], table, language)
    assert "2023" in year.sql and "'Lyon'" in year.sql and f'sum("{amount.name}")' in year.sql
    line, _, rest = year.understood.partition(")")
    assert line.startswith(f"{GOING_ON[language]} (")
    assert amount.title in line and "Lyon" in line and "2023" not in line
    assert "2023" in rest
    paris = asked(said[2], said[:2], table, language)
    assert "'Paris'" in paris.sql and "Lyon" not in paris.sql and "2023" in paris.sql
    kept = paris.understood.partition(")")[0]
    assert "2023" in kept and "Lyon" not in kept and "Paris" not in kept
    months = asked(said[3], said[:3], table, language)
    assert "'month'" in months.sql and "'Paris'" in months.sql and "2023" in months.sql
    assert months.understood.startswith(GOING_ON[language])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mean_of_no_column_takes_only_the_column_where_there_are_several(language: str) -> None:
    (table,) = database(language).facts["orders"]
    found = asked(MEANS[language], ELLIPTIC[language][:2], table, language)
    assert "avg(" in found.sql and "Lyon" not in found.sql and "2023" not in found.sql
    assert found.understood.startswith(GOING_ON[language])
    assert "Lyon" not in found.understood


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_name_of_a_table_is_neither_a_quote_nor_a_number_to_be_proven(language: str) -> None:
    table, said = expenses(language), EXPENSES[language]
    source = citations.SourceText(1, "Something else entirely.")
    found = asked(said[0], (), table, language)
    assert "`Ausgaben 2025`" in found.understood
    assert citations.check(found.understood, [source]) == []
    assert claims(found.understood, language) == []


@pytest.mark.parametrize(
    ("language", "unclear", "question"),
    [
        ("en", "Average per month", "Median of the amount"),
        ("fr", "Moyenne par mois", "Médiane du montant"),
        ("de", "Durchschnitt pro Monat", "Median des Betrags"),
        ("es", "Media por mes", "Mediana del importe"),
        ("it", "Media per mese", "Mediana dell'importo"),
    ],
)
def test_a_question_of_its_own_is_no_answer_to_a_question_back(
    language: str, unclear: str, question: str
) -> None:
    (table,) = database(language).facts["orders"]
    assert isinstance(grammar.ask(unclear, (), [table], language, TODAY), grammar.Unclear)
    found = asked(question, (unclear,), table, language)
    assert found == asked(question, (), table, language)
    assert "median(" in found.sql and "month" not in found.sql


def test_a_share_that_goes_on_is_said_to() -> None:
    (table,) = database("en").facts["orders"]
    found = asked("and from Lyon?", ("What share of the orders is from Paris?",), table, "en")
    assert "(kept from it: share in % of the rows)" in found.understood
