"""What is known of the model files in the library. The files are `engines.library`'s."""

import msgspec
from sqlalchemy import Connection, delete, insert, select

from tramontane.errors import Conflict, InvalidRequest
from tramontane.store import schema
from tramontane.store.database import bump_revision
from tramontane.store.names import check_name, unknown
from tramontane.store.records import ModelFile

SHORTEST_HASH = 6


def add(c: Connection, model: ModelFile) -> None:
    """Remember `model`. Raises InvalidRequest for its name, Conflict where that or it is here."""
    check_name("model", model.name)
    t = schema.model_files.c
    query = select(t.name, t.sha256).where((t.sha256 == model.sha256) | (t.name == model.name))
    for name, sha256 in c.execute(query):
        if sha256 == model.sha256:
            raise Conflict(f"this file is in the library already, as {name!r}", param="name")
        raise Conflict(f"another model is named {name!r}; choose another name", param="name")
    c.execute(insert(schema.model_files), msgspec.structs.asdict(model))
    bump_revision(c)


def list_all(c: Connection) -> list[ModelFile]:
    """Return every model file by name."""
    rows = c.execute(select(schema.model_files).order_by(schema.model_files.c.name))
    return [ModelFile(**row) for row in rows.mappings()]


def get(c: Connection, name_or_sha256: str) -> ModelFile:
    """Return the model of that name, or whose hash begins so (six digits or more).

    Raises NotFound with the nearest names, InvalidRequest where several begin so.
    """
    t = schema.model_files.c
    found = c.execute(select(schema.model_files).where(t.name == name_or_sha256)).mappings().all()
    if not found and len(name_or_sha256) >= SHORTEST_HASH:
        begins = t.sha256.startswith(name_or_sha256, autoescape=True)
        found = c.execute(select(schema.model_files).where(begins)).mappings().all()
    if len(found) > 1:
        raise InvalidRequest(f"several models' hashes begin with {name_or_sha256}", param="model")
    if not found:
        raise unknown("model", name_or_sha256, c.scalars(select(t.name)), "model")
    return ModelFile(**found[0])


def remove(c: Connection, sha256: str) -> None:
    """Forget that model. Raises NotFound, Conflict while a deployment uses it."""
    model = get(c, sha256)
    t = schema.deployments.c
    users = c.scalars(select(t.name).where(t.model_sha256 == model.sha256).order_by(t.name)).all()
    if users:
        raise Conflict(
            f"{model.name} is deployed as {', '.join(users)}; undeploy that first", param="model"
        )
    c.execute(delete(schema.model_files).where(schema.model_files.c.sha256 == model.sha256))
    bump_revision(c)
