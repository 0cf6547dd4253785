"""Vertex AI: Google's models in a project and a region of Google Cloud.

Each project has its own address; its key is a service account's key file in base64
(`base64 -w0 FILE`), or an API key bound to one. Google says for which models and regions it
guarantees that they process within these; where that is not so for a whole region, its jurisdiction
is not told here: whoever has read the table for their model says it with `jurisdiction`.
"""

from tramontane.providers.kind import Kind, Region

_REGIONS = (
    ("asia-east1", "Taiwan", None),
    ("asia-east2", "Hong Kong", None),
    ("asia-northeast1", "Tokyo", None),
    ("asia-northeast3", "Seoul", None),
    ("asia-south1", "Mumbai", None),
    ("asia-southeast1", "Singapore", None),
    ("australia-southeast1", "Sydney", None),
    ("eu", "European Union", "EU"),
    ("europe-central2", "Warsaw", None),
    ("europe-north1", "Finland", None),
    ("europe-southwest1", "Madrid", None),
    ("europe-west1", "Belgium", None),
    ("europe-west2", "London", None),
    ("europe-west3", "Frankfurt", None),
    ("europe-west4", "Netherlands", None),
    ("europe-west6", "Zürich", None),
    ("europe-west8", "Milan", None),
    ("europe-west9", "Paris", None),
    ("me-west1", "Tel Aviv", None),
    ("northamerica-northeast1", "Montréal", "CA"),
    ("southamerica-east1", "São Paulo", None),
    ("us", "United States", "US"),
    ("us-central1", "Iowa", None),
    ("us-east1", "South Carolina", None),
    ("us-east4", "Northern Virginia", None),
    ("us-east5", "Columbus", None),
    ("us-south1", "Dallas", None),
    ("us-west1", "Oregon", None),
    ("us-west4", "Las Vegas", None),
)

VERTEX = Kind(
    name="vertex",
    title="Google Vertex AI",
    dialect="google",
    url_example=(
        "https://europe-west4-aiplatform.googleapis.com/v1/projects/PROJECT/locations/europe-west4"
        "/publishers/google"
    ),
    host_suffixes=("-aiplatform.googleapis.com",),
    regions=tuple(
        Region(name=name, title=title, jurisdiction=country) for name, title, country in _REGIONS
    ),
    key_hint="A service account's key file in base64, or an API key that is bound to one.",
    trains_on_inputs=False,
    sources=(
        "https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations",
        "https://docs.cloud.google.com/vertex-ai/generative-ai/docs/learn/data-residency",
        "https://cloud.google.com/vertex-ai/generative-ai/docs/start/api-keys",
        "https://docs.cloud.google.com/gemini-enterprise-agent-platform/resources/zero-data-retention",
    ),
    checked="2026-11-22",
)
