"""What documents of Microsoft Office share: a zip of parts that refer to each other.

It does not know what is in the parts.
"""

import posixpath

from tramontane.documents.extract import xml
from tramontane.documents.extract.archive import Archive

CORE = "docProps/core.xml"


def references(archive: Archive, part: str) -> dict[str, tuple[str, str]]:
    """Return what `part` refers to: by its id the kind, the last word of its type, and the part."""
    folder, name = posixpath.split(part)
    path = posixpath.join(folder, "_rels", f"{name}.rels")
    found: dict[str, tuple[str, str]] = {}
    if path not in archive.names:
        return found
    with archive.open(path) as file:
        for event in xml.events(file):
            if isinstance(event, xml.Start) and event.name == "rel:Relationship":
                at = event.attributes
                if at.get("TargetMode") == "External":
                    continue
                target = at.get("Target", "")
                whole = target[1:] if target.startswith("/") else posixpath.join(folder, target)
                kind = at.get("Type", "").rpartition("/")[2]
                found[at.get("Id", "")] = (kind, posixpath.normpath(whole))
    return found


def main_part(archive: Archive, usual: str) -> str:
    """Return the part that the document begins with."""
    for kind, part in references(archive, "").values():
        if kind == "officeDocument":
            return part
    return usual


def title(archive: Archive) -> str | None:
    """Return the title that the author gave it, None where there is none."""
    return text_of(archive, CORE, "dc:title")


def text_of(archive: Archive, part: str, name: str) -> str | None:
    """Return the text of the first element `name` in `part`."""
    if part not in archive.names:
        return None
    inside = False
    text = ""
    with archive.open(part) as file:
        for event in xml.events(file):
            if isinstance(event, str):
                text += event if inside else ""
            elif event.name == name:
                inside = isinstance(event, xml.Start)
                if not inside:
                    break
    return text.strip()[:300] or None
