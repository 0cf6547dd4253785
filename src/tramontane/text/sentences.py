"""Where the sentences of a text begin and end, in five languages.

A rule for the marks that may end a sentence; abbreviations, initials of names and German ordinals
do not. Headings, items of lists and rows of tables end with their lines. It does not know what is
said.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from tramontane.text.stems import folded

_EVERYWHERE = """
al art bzw ca cf co dr ed etc fig ft inc jr lt ltd max min mr mrs ms nr op pp prof st vs vol
"""
_EN = """
apr approx aug bros capt cpl dec dept esp est eq feb gen gov hon jan jul jun mar mt no nos nov oct
rep rev sen sep sept sgt sr viz
"""
_FR = """
apr av bd chap env ex fevr janv juil mgr mlle mlles mm mme mmes no nos p par pl ref sq suiv tel
"""
_DE = """
abb abs abschn anm aufl bd bes betr bspw bzgl dgl dipl dt ebd eigtl einschl engl entspr etw evtl
exkl frz geb gegr gem gest ggf ggfs hg hl hr hrsg inkl insb insbes jh jhd jhdt kap lat lfd lt mind
mio mrd nachf norw nr o ph phil rd resp s sog span std str tel tsd u urspr usf v vgl z zit zt zzgl
"""
_ES = """
aprox av avda cap depto dna dpto ee ej esq excmo gral ilmo ing lic mons no num pag pags pp prov sr
sra sras sres srta tel ud uds uu vid
"""
_IT = """
all arch avv cap cav cfr dott es gen geom ing lett mons n on pag pagg par proff rag s sec segg sig
sigg tel v
"""
_ABBREVIATIONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        language: frozenset([*_EVERYWHERE.split(), *own.split()])
        for language, own in (("en", _EN), ("fr", _FR), ("de", _DE), ("es", _ES), ("it", _IT))
    }
)
_ALL = frozenset().union(*_ABBREVIATIONS.values())

_PARAGRAPH_END = re.compile(
    r"\n[ \t]*\n|\n(?=[ \t]*(?:[-–•*▪◦·#]|[a-z]\)|(?P<item>\d{1,3})[.)])[ \t])|\n(?=[^\n]*\|)"
)
_SHORT_LINE = 60
_CLOSING = r"[\"'”’“»›«)\]*_]"
_GERMAN_END = re.compile(rf"(?P<mark>[.!?…]+)(?P<close>{_CLOSING}*)(?:\s+|$)")
# « Pourquoi ? » : elsewhere than in German, a guillemet after a space may close.
_END = re.compile(rf"(?P<mark>[.!?…]+)(?P<close>(?:[ \xa0\u202f]?[»›](?!\w)|{_CLOSING})*)(?:\s+|$)")
_OPENING = "\"'“„«‹»›‘‚([*_¿¡–—-"
_LAST_WORD = re.compile(r"[^\s(\[\"'“„«‹’]*$")
_HARDLY_ANY = 2


def sentences(text: str, language: str | None = None) -> list[tuple[int, int]]:
    """Return where each sentence of `text` begins and ends, without the space around it.

    `language` is one of "en", "fr", "de", "es", "it"; else the abbreviations of all count.

    >>> text = "Dr. Kay came on 3 May. He left!"
    >>> [text[begin:end] for begin, end in sentences(text, "en")]
    ['Dr. Kay came on 3 May.', 'He left!']
    """
    known = _ABBREVIATIONS.get(language or "", _ALL)
    marks = _GERMAN_END if language == "de" else _END
    found: list[tuple[int, int]] = []
    at = 0
    for cut in [*_breaks(text), len(text)]:
        begin = at
        for match in marks.finditer(text, at, cut):
            if _ends(text, begin, match, cut, known, language in ("de", None)):
                _add(found, text, begin, match.end("close"))
                begin = match.end()
        _add(found, text, begin, cut)
        at = cut
    return found


def _breaks(text: str) -> Iterator[int]:
    """Yield where a paragraph, an item of a list or a row ends that needs no mark to end."""
    last = 0
    for match in _PARAGRAPH_END.finditer(text):
        if match["item"] is None:
            yield match.start()
            continue
        before = text[max(0, match.start() - 2) : match.start()].rstrip()[-1:]
        begun = match.start() - text.rfind("\n", 0, match.start())
        is_next = int(match["item"]) == last + 1 and (last > 0 or begun < _SHORT_LINE)
        if is_next or before in ".:;!?…":  # else a year or an ordinal that a line begins with
            last = int(match["item"])
            yield match.start()


def _add(found: list[tuple[int, int]], text: str, begin: int, end: int) -> None:
    while begin < end and text[begin].isspace():
        begin += 1
    while end > begin and text[end - 1].isspace():
        end -= 1
    if begin < end:
        found.append((begin, end))


def _ends(
    text: str, begin: int, match: re.Match[str], cut: int, known: frozenset[str], is_german: bool
) -> bool:
    """Return whether the mark that `match` found ends the sentence of `text` from `begin` on."""
    if match.end() >= cut:
        return True
    after = text[match.end() : match.end() + 4].lstrip(_OPENING)[:1]
    if after.islower():
        return False  # "usw. und", "«Why?» she said"
    if match["mark"] != "." or match["close"]:
        return True
    last = _last_word(text, match.start())
    bare = last.rstrip(".")
    if not bare:
        return True
    if bare.isdigit() and not text[begin : match.start()].strip().strip(bare):
        return False  # "1. First", in a list
    if is_german and bare.isdigit() and len(bare) <= _HARDLY_ANY and after.isalpha():
        return False  # "am 3. Oktober", "das 19. Jahrhundert"
    if len(bare) == 1 and bare.isalpha():
        return not bare.isupper() and not known.issuperset({bare})  # J. Smith
    if "." in bare and bare.replace(".", "").isalpha():  # e.g. goes on; the U.S. and 5 p.m. may end
        return bare.isupper() or bare[-2:] == ".m"
    return folded(bare) not in known


def _last_word(text: str, end: int) -> str:
    found = _LAST_WORD.search(text, max(0, end - 40), end)
    return found.group() if found else ""
