"""Which deployments the policies of a project and a key allow, as the gateway will decide.

So that nobody is offered what would be refused. The rules are `governance.policies`'.
"""

from tramontane.governance import policies
from tramontane.governance.facts import Facts, Place, of_local, of_place
from tramontane.governance.placing import own_chip
from tramontane.governance.policies import Terms
from tramontane.store import budgets, keys, projects
from tramontane.studio import serving
from tramontane.studio.platform import Platform


def permitted(
    platform: Platform, found: list[serving.Deployment], *, project_id: str, key_id: str
) -> list[serving.Deployment]:
    """Return those of `found` that the key of that project may use. Raises NotFound."""
    with platform.store.read() as c:
        kept = (projects.get(c, project_id).policy, keys.get(c, key_id).policy)
        has_budget = any(
            budget.project_id == project_id and budget.key_id in (None, key_id)
            for budget in budgets.list_all(c)
        )
    given = [policies.read(policy) for policy in kept]
    return [
        deployment
        for deployment in found
        if policies.first_objection(given, _terms(platform, deployment), has_budget=has_budget)
        is None
    ]


def _terms(platform: Platform, deployment: serving.Deployment) -> Terms:
    remote = deployment.remote
    return Terms(
        facts=_facts(platform, deployment),
        kind="" if remote is None else remote.kind,
        is_local=remote is None,
        open_weights=deployment.settings.open_weights,
        no_training=True if remote is None else remote.no_training,
        price=deployment.price,
    )


def _facts(platform: Platform, deployment: serving.Deployment) -> Facts:
    told, remote = platform.settings.independence, deployment.remote
    if remote is None:
        return of_local(own_chip(), told, deployment.serves or deployment.name)
    place = Place(provider=remote.provider, kind=remote.kind, jurisdiction=remote.jurisdiction)
    return of_place(place, told, deployment.serves or deployment.name)
