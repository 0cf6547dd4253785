"""Amazon Bedrock: Converse and ConverseStream, in the region that is asked.

An inference profile of several regions is processed in any of them: its name begins with what they
have in common (`eu.`, `us.`, `global.`), or is known to the account only.
"""

from tramontane.providers.kind import Kind, Region

_REGIONS = (
    ("ap-northeast-1", "Tokyo", "JP"),
    ("ap-northeast-2", "Seoul", "KR"),
    ("ap-northeast-3", "Osaka", "JP"),
    ("ap-south-1", "Mumbai", "IN"),
    ("ap-south-2", "Hyderabad", "IN"),
    ("ap-southeast-1", "Singapore", "SG"),
    ("ap-southeast-2", "Sydney", "AU"),
    ("ca-central-1", "Canada (Central)", "CA"),
    ("eu-central-1", "Frankfurt", "DE"),
    ("eu-central-2", "Zurich", "CH"),
    ("eu-north-1", "Stockholm", "SE"),
    ("eu-south-1", "Milan", "IT"),
    ("eu-south-2", "Spain", "ES"),
    ("eu-west-1", "Ireland", "IE"),
    ("eu-west-2", "London", "GB"),
    ("eu-west-3", "Paris", "FR"),
    ("sa-east-1", "São Paulo", "BR"),
    ("us-east-1", "N. Virginia", "US"),
    ("us-east-2", "Ohio", "US"),
    ("us-west-2", "Oregon", "US"),
)

_GEOGRAPHIES = {"eu": "EU", "us": "US", "jp": "JP", "au": "AU", "apac": None, "global": None}


def place_of_model(model: str, jurisdiction: str | None) -> str | None:
    """Return where `model` is processed when asked in a region of that jurisdiction.

    >>> place_of_model("amazon.nova-pro-v1:0", "DE")
    'DE'
    >>> place_of_model("eu.amazon.nova-pro-v1:0", "DE")
    'EU'
    """
    kind, slash, name = model.rpartition("/")
    geography = name.partition(".")[0]
    if geography in _GEOGRAPHIES:
        return _GEOGRAPHIES[geography]
    if slash and not kind.endswith("foundation-model"):
        return None  # a profile of the account's own: of which regions, it alone knows
    return jurisdiction


BEDROCK = Kind(
    name="bedrock",
    title="Amazon Bedrock",
    dialect="bedrock",
    url="https://bedrock-runtime.{region}.amazonaws.com",
    regions=tuple(
        Region(name=name, title=title, jurisdiction=country) for name, title, country in _REGIONS
    ),
    credential="aws",
    key_hint=(
        "An API key of Bedrock, or ACCESS_KEY_ID:SECRET_ACCESS_KEY, with :SESSION_TOKEN where"
        " there is one."
    ),
    trains_on_inputs=False,
    place_of_model=place_of_model,
    sources=(
        "botocore 1.44.5, data/endpoints.json (service bedrock, the runtime's regions)",
        "https://docs.aws.amazon.com/bedrock/latest/userguide/data-protection.html",
        "https://docs.aws.amazon.com/bedrock/latest/userguide/geographic-cross-region-inference.html",
    ),
    checked="2026-11-22",
)
