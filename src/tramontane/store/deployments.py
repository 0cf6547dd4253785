"""Local models made servable by the command line or the studio.

It does not know the deployments of the configuration file, nor whether an engine runs.
"""

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from tramontane.errors import Conflict
from tramontane.store import models, schema
from tramontane.store.database import bump_revision
from tramontane.store.names import check_name, unknown
from tramontane.store.records import StoredDeployment


def put(c: Connection, deployment: StoredDeployment) -> None:
    """Keep `deployment` in place of one of the same name.

    Raises InvalidRequest, NotFound, Conflict where that one is another project's own, or
    everybody's: what some may use does not become others' by being set up anew.
    """
    check_name("deployment", deployment.name)
    if deployment.model_sha256 is not None:
        models.get(c, deployment.model_sha256)
    table = schema.deployments
    before = c.execute(select(table.c.project_id).where(table.c.name == deployment.name)).first()
    if before is not None and before.project_id != deployment.project_id:
        raise Conflict(
            f"{deployment.name!r} is taken by another project, or by everybody; choose another"
            " name, or remove it first",
            param="name",
        )
    c.execute(delete(table).where(table.c.name == deployment.name))
    c.execute(insert(table), msgspec.structs.asdict(deployment))
    bump_revision(c)


def give(c: Connection, deployment: StoredDeployment, project_id: str) -> StoredDeployment:
    """Return the deployment, which was everybody's, as that project's own."""
    table = schema.deployments
    c.execute(update(table).where(table.c.name == deployment.name).values(project_id=project_id))
    bump_revision(c)
    return msgspec.structs.replace(deployment, project_id=project_id)


def list_all(c: Connection) -> list[StoredDeployment]:
    """Return every stored deployment by name."""
    rows = c.execute(select(schema.deployments).order_by(schema.deployments.c.name))
    return [StoredDeployment(**row) for row in rows.mappings()]


def remove(c: Connection, name: str) -> None:
    """Forget that deployment; its model file stays. Raises NotFound with the nearest names."""
    table = schema.deployments
    if c.execute(delete(table).where(table.c.name == name)).rowcount == 0:
        raise unknown("deployment", name, c.scalars(select(table.c.name)), "deployment")
    bump_revision(c)
