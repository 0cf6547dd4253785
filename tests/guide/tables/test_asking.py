"""The grammar's bounds: any question and any names make valid SQL over that table, or nothing."""

import random
import time

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from tests.guide.tables.asked import TODAY, database
from tramontane.guide import ColumnFacts, TableFacts
from tramontane.guide import tables as grammar

LANGUAGES = ("en", "fr", "de", "es", "it")
ODD_NAMES = (
    'a"b',
    "x'; DROP TABLE t; --",
    "Umsatz (€)",
    "select",
    "日本",
    "%",
    "a\nb",
    "\\",
    "100 %",
)
ODD_VALUES = (
    "O'Brien",
    '"; DROP TABLE t; --',
    "Lyon",
    "--",
    "%_",
    "\\",
    "total",
    "42",
    "März 2023",
)


def odd_table(r: random.Random, number: int) -> TableFacts:
    kinds = ("number", "text", "date", "moment", "truth")
    columns = tuple(
        ColumnFacts(
            name=f"{r.choice(ODD_NAMES)}{i}",
            title=r.choice((*ODD_NAMES, "City", "Betrag", "date", "Année", "paid")),
            type=r.choice(kinds),  # type: ignore[arg-type]
            values=tuple(r.sample(ODD_VALUES, 4)),
            minimum=r.choice((None, 0, 1990, "2020-01-01")),
            maximum=r.choice((None, 9, 2024, "2024-01-01")),
            distinct=r.choice((None, 3, 50)),
        )
        for i in range(r.randint(1, 7))
    )
    return TableFacts(
        name=f'odd "{number}', title=r.choice(ODD_NAMES), row_count=50, columns=columns
    )


# ruff: noqa: E501
PHRASES = {
    "en": "how many|total|average|by|highest|which|over 100|in 2023|share of|compare|not|only|and|per month|top 3",
    "fr": "combien de|total|moyenne|par|le plus élevé|quel|plus de 100|en 2023|part|compare|sans|et|par mois",
    "de": "wie viele|Summe|Durchschnitt|nach|höchste|welche|über 100|2023|Anteil|vergleiche|ohne|und|pro Monat",
    "es": "cuántos|total|media|por|más alto|qué|más de 100|en 2023|porcentaje|compara|sin|y|por mes",
    "it": "quanti|totale|media|per|più alto|quale|più di 100|nel 2023|percentuale|confronta|senza|e|per mese",
}  # fmt: skip


def odd_question(r: random.Random, table: TableFacts, language: str) -> str:
    titles = [column.title for column in table.columns] + [table.title]
    values = [str(value) for column in table.columns for value in column.values]
    phrases = PHRASES[language].split("|")
    kinds = (phrases, phrases, titles, titles, values, ["«", '"', "1.234,5", "Q1", "100", "?"])
    return " ".join(r.choice(r.choice(kinds)) for _ in range(r.randint(1, 9)))


def check(question: str, earlier: list[str], table: TableFacts, language: str) -> bool:
    """Return whether the question was understood; the SQL must be valid and of that table."""
    found = grammar.ask(question, earlier, [table], language, TODAY)
    if not isinstance(found, grammar.Asked):
        return False
    types = {"number": "DOUBLE", "text": "VARCHAR", "date": "DATE", "moment": "TIMESTAMP",
             "truth": "BOOLEAN"}  # fmt: skip
    quoted = [f'"{c.name.replace(chr(34), chr(34) * 2)}" {types[c.type]}' for c in table.columns]
    name = table.name.replace('"', '""')
    with duckdb.connect() as connection:
        connection.execute(f'CREATE TABLE "{name}" ({", ".join(quoted)})')
        connection.execute(found.sql).fetchall()
        assert connection.execute("SELECT count(*) FROM duckdb_tables()").fetchone() == (1,)
    (statement,) = sqlglot.parse(found.sql, dialect="duckdb")
    assert isinstance(statement, exp.Select)
    assert {one.name for one in statement.find_all(exp.Table)} == {table.name}
    return True


def tried(count: int, seed: str) -> int:
    """Return how many of `count` rows of random words were understood."""
    r = random.Random(seed)
    understood = 0
    for number in range(count):
        table = odd_table(r, number)
        language = r.choice(LANGUAGES)
        said = [odd_question(r, table, language) for _ in range(r.choice((1, 1, 3)))]
        understood += check(said[-1], said[:-1], table, language)
    return understood


def test_any_words_over_any_table_make_valid_sql_or_none() -> None:
    assert tried(40, "a few") > 5


@pytest.mark.slow
def test_any_words_over_thousands_of_tables_make_valid_sql_or_none() -> None:
    assert tried(3_000, "many") > 500


@pytest.mark.parametrize(
    "text", ["", "?", "  ", "\0", "a" * 5_000, "und " * 500, "1" * 400, "«" * 99]
)
def test_what_is_no_question_is_none(text: str) -> None:
    facts = database("en").facts["orders"]
    assert not isinstance(grammar.ask(text, [], facts, "en", TODAY), grammar.Asked)
    assert grammar.ask(text, [], [], "en", TODAY) is None


def test_values_and_names_stay_what_they_are() -> None:
    column = ColumnFacts(name='c"d', title="Customer", type="text", values=("O'Brien",), distinct=1)
    table = TableFacts(name='t"u', title="Orders", row_count=3, columns=(column,))
    found = grammar.ask("How many orders from O'Brien?", [], [table], "en", TODAY)
    assert isinstance(found, grammar.Asked)
    assert found.sql.endswith("""FROM "t""u"\nWHERE "c""d" = 'O''Brien'""")


@pytest.mark.parametrize("language", LANGUAGES)
def test_requests_that_have_nothing_to_do_with_a_table_are_none(language: str) -> None:
    facts = database(language).facts["orders"]
    for question in {
        "en": ("How do I add a provider?", "Who are you?", "Translate this text", "thanks a lot"),
        "fr": ("Comment ajouter un fournisseur ?", "Qui es-tu ?", "Traduis ce texte", "merci"),
        "de": ("Wie füge ich einen Anbieter hinzu?", "Wer bist du?", "Übersetze den Text", "danke"),
        "es": ("¿Cómo añado un proveedor?", "¿Quién eres?", "Traduce este texto", "gracias"),
        "it": ("Come aggiungo un fornitore?", "Chi sei?", "Traduci questo testo", "grazie"),
    }[language]:
        assert grammar.ask(question, [], facts, language, TODAY) is None, question


def test_many_wide_tables_are_asked_in_time() -> None:
    values = tuple(f"value {n}" for n in range(40))
    columns = tuple(
        ColumnFacts(name=f"c{n}", title=f"Column {n} of things", type="text", values=values)
        for n in range(60)
    )
    wide = [TableFacts(name=f"t{n}", title=f"Table {n}", row_count=9, columns=columns)
            for n in range(10)]  # fmt: skip
    began = time.process_time()
    grammar.ask("How many things of column 7 are there by column 9?", [], wide, "en", TODAY)
    assert time.process_time() - began < 20  # far from hanging; benchmarks say how long it is
