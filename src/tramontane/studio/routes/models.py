"""`/api/v1/models`: the model files in the library. What may be asked for is in the status."""

import msgspec
from litestar import get

from tramontane.store import models
from tramontane.store.records import ModelFile
from tramontane.store.windows import time_name
from tramontane.studio.auth import GivenCaller
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform
from tramontane.studio.routes.status import all_deployments, visible_to


class ModelFileView(msgspec.Struct, frozen=True, kw_only=True):
    """A model file and the deployments that serve it, of those that the key may see."""

    sha256: str
    name: str
    size_bytes: int
    architecture: str
    parameters: int | None
    quantisation: str | None
    context_tokens: int | None
    has_chat_template: bool
    added_at: str
    deployments: list[str]


class ModelFileList(msgspec.Struct, frozen=True):
    """Model files by name."""

    data: list[ModelFileView]


@get("/models", **describe("listModels", "List model files", "Models", right="read"))
def list_models(platform: GivenPlatform, caller: GivenCaller) -> ModelFileList:
    """An operator sees every file, another key those that serve a model it may use."""
    with platform.store.read() as c:
        files = models.list_all(c)
    users: dict[str, list[str]] = {file.sha256: [] for file in files}
    by_reference = {name: file.sha256 for file in files for name in (file.name, file.sha256)}
    for deployment in visible_to(caller, all_deployments(platform)):
        sha256 = by_reference.get(deployment.settings.model or "")
        if sha256 is not None:
            users[sha256].append(deployment.name)
    seen = [file for file in files if caller.is_operator or users[file.sha256]]
    return ModelFileList([_view(file, users[file.sha256]) for file in seen])


def _view(file: ModelFile, users: list[str]) -> ModelFileView:
    return ModelFileView(
        sha256=file.sha256,
        name=file.name,
        size_bytes=file.size_bytes,
        architecture=file.architecture,
        parameters=file.parameters,
        quantisation=file.quantisation,
        context_tokens=file.context_tokens,
        has_chat_template=file.has_chat_template,
        added_at=time_name(file.added_at_ms),
        deployments=users,
    )
