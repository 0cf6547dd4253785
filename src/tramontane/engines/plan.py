"""Which local models are to be served, and how: from settings, store and package to one plan.

The gateway reads it to know the deployments, the supervisor to run their children. It does not
start anything.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from tramontane.config import DeploymentSettings, Settings
from tramontane.handbook import LANGUAGES
from tramontane.store.records import ModelFile, StoredDeployment

SLOTS = 4
CONTEXT_TOKENS = 4_096
DEMO_PATH = Path(__file__).parent / "demo" / "demo.gguf"
DEMO_CONTEXT_TOKENS = 1_024
GUIDE_CONTEXT_TOKENS = 131_072
GUIDE_SLOTS = 16

BUILT_IN = frozenset(("demo", "guide"))
"""Names of the deployments that come with Tramontane."""

Engine = Literal["llama.cpp", "guide"]

EMBEDDING_ARCHITECTURES = frozenset((
    "bert", "eurobert", "gemma-embedding", "jina-bert-v2", "jina-bert-v3", "modern-bert",
    "neo-bert", "nomic-bert", "nomic-bert-moe", "t5encoder",
))  # fmt: skip
"""llama.cpp's names for models that are made to give vectors and cannot give text."""


class LocalModel(msgspec.Struct, frozen=True, kw_only=True):
    """One local deployment. `problem` set: it cannot be served, and why."""

    engine: Engine = "llama.cpp"
    settings: DeploymentSettings
    path: Path | None
    context_tokens: int
    slots: int
    threads: int | None
    is_demonstration: bool = False
    gives_vectors: bool = False
    problem: str | None = None


def local_models(
    settings: Settings,
    stored: Iterable[StoredDeployment],
    files: Iterable[ModelFile],
    models_dir: Path,
    demo_path: Path = DEMO_PATH,
) -> dict[str, LocalModel]:
    """Return every local deployment by name. The configuration file wins over the store."""
    files = list(files)
    plan: dict[str, LocalModel] = {}
    if settings.guide:
        plan["guide"] = LocalModel(
            engine="guide",
            settings=DeploymentSettings(capable=False, languages=LANGUAGES),
            path=None,
            context_tokens=GUIDE_CONTEXT_TOKENS,
            slots=GUIDE_SLOTS,
            threads=None,
        )
    if settings.demo and demo_path.exists():
        plan["demo"] = LocalModel(
            settings=DeploymentSettings(
                model="demo", capable=False, languages=LANGUAGES, open_weights=True
            ),
            path=demo_path,
            context_tokens=DEMO_CONTEXT_TOKENS,
            slots=SLOTS,
            threads=None,  # one less than the cores: they spin, and others need one
            is_demonstration=True,
        )
    for record in stored:
        if record.model_sha256 is None:
            continue
        chosen = msgspec.json.decode(record.settings, type=DeploymentSettings)
        plan[record.name] = _planned(chosen, _find(files, record.model_sha256), models_dir)
    for name, chosen in settings.deployments.items():
        if chosen.model is not None:
            plan[name] = _planned(chosen, _find(files, chosen.model), models_dir)
    return plan


def _find(files: list[ModelFile], wanted: str) -> ModelFile | None:
    for file in files:
        if wanted in (file.name, file.sha256):
            return file
    return None


def served_context(settings: DeploymentSettings, trained_tokens: int | None) -> int:
    """Return the context that each request is promised, of a model trained on so much."""
    trained = trained_tokens or CONTEXT_TOKENS
    return min(settings.context_tokens or min(trained, CONTEXT_TOKENS), trained)


def _planned(settings: DeploymentSettings, file: ModelFile | None, models_dir: Path) -> LocalModel:
    slots = settings.max_in_flight or SLOTS
    if file is None:
        return LocalModel(
            settings=settings,
            path=None,
            context_tokens=settings.context_tokens or CONTEXT_TOKENS,
            slots=slots,
            threads=settings.threads,
            problem=f"The model '{settings.model}' is not in the library;"
            " add it with: tramontane model add FILE.gguf",
        )
    return LocalModel(
        settings=settings,
        path=models_dir / f"sha256-{file.sha256}.gguf",
        context_tokens=served_context(settings, file.context_tokens),
        slots=slots,
        threads=settings.threads,
        gives_vectors=(
            settings.embeddings
            if settings.embeddings is not None
            else file.architecture in EMBEDDING_ARCHITECTURES
        ),
    )
