"""`/api/v1/engines`: what runs just now, how busy it is and what it takes of this machine."""

from litestar import get

from tramontane.studio import running, serving
from tramontane.studio.auth import GivenCaller
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform
from tramontane.studio.routes.status import (
    all_deployments,
    message_for,
    since_for,
    visible_to,
)


@get("/engines", **describe("listEngines", "Show what runs just now", "Deployments", right="read"))
def list_engines(platform: GivenPlatform, caller: GivenCaller) -> running.EngineList:
    """An operator sees every deployment, its traffic and the machine; others see of those that they
    may use how they are and how long one waits, the rest is null.
    """
    found = serving.with_states(all_deployments(platform), platform.tokens.states())
    found = visible_to(caller, found)
    views = running.engine_views(found, platform.tokens.loads())
    if caller.is_operator:
        return running.EngineList(running.machine_now(), views)
    narrowed = [
        running.without_others(view, message_for(caller, deployment), since_for(caller, deployment))
        for view, deployment in zip(views, found, strict=True)
    ]
    return running.EngineList(None, narrowed)
