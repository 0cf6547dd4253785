"""`/api/v1/projects/…/policy` and `/api/v1/keys/…/policy`: what may be used, and on which terms."""

from litestar import get, put
from litestar.params import FromPath, JSONBody

from tramontane.governance import policies
from tramontane.governance.policies import Policy
from tramontane.store import keys, projects
from tramontane.studio.auth import GivenCaller
from tramontane.studio.discretion import seen_key
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform
from tramontane.studio.routes.projects import seen_by


@get(
    "/projects/{project_id:str}/policy",
    **describe(
        "getProjectPolicy", "Show what a project may use", "Projects", right="read", errors=(404,)
    ),
)
def get_project_policy(
    platform: GivenPlatform, caller: GivenCaller, project_id: FromPath[str]
) -> Policy:
    """`project_id` may be the project's identifier or its name."""
    with platform.store.read() as c:
        return policies.read(seen_by(c, caller, project_id).policy)


@put(
    "/projects/{project_id:str}/policy",
    **describe(
        "setProjectPolicy",
        "Say what a project may use",
        "Projects",
        right="operate",
        errors=(404, 413),
    ),
)
def set_project_policy(
    platform: GivenPlatform, project_id: FromPath[str], data: JSONBody[Policy]
) -> Policy:
    """Needs the right `operate`. In place of what was there; gateways follow within two seconds.
    What is ruled out is refused before a byte leaves, with the reason.
    """
    stored = policies.write(data)
    with platform.store.write() as c:
        projects.set_policy(c, projects.get(c, project_id).id, stored)
    return data


@get(
    "/keys/{key_id:str}/policy",
    **describe("getKeyPolicy", "Show what a key may use", "Keys", right="read", errors=(404,)),
)
def get_key_policy(platform: GivenPlatform, caller: GivenCaller, key_id: FromPath[str]) -> Policy:
    """What it may use beside its project's policy: both have to be kept."""
    with platform.store.read() as c:
        return policies.read(seen_key(c, caller, key_id).policy)


@put(
    "/keys/{key_id:str}/policy",
    **describe(
        "setKeyPolicy", "Say what a key may use", "Keys", right="operate", errors=(404, 413)
    ),
)
def set_key_policy(
    platform: GivenPlatform, key_id: FromPath[str], data: JSONBody[Policy]
) -> Policy:
    """Needs the right `operate`. It can only narrow what the project may use."""
    stored = policies.write(data)
    with platform.store.write() as c:
        keys.set_policy(c, key_id, stored)
    return data
