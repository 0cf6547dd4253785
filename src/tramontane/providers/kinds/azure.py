"""Azure AI Foundry (the model in the body) and Azure OpenAI (each resource has its own address).

The address does not tell where a resource is, so its region is said with it. Where a deployment is
processed depends on its type (Global, the most usual: anywhere; DataZone: the Union or the United
States; Standard: its region), which cannot be seen from here: so no region has a jurisdiction, and
who enters an account says it.
"""

from tramontane.providers.kind import Kind, Region

_REGIONS = (
    ("australiaeast", "Australia East", "AU"),
    ("brazilsouth", "Brazil South", "BR"),
    ("canadacentral", "Canada Central", "CA"),
    ("canadaeast", "Canada East", "CA"),
    ("eastus", "East US", "US"),
    ("eastus2", "East US 2", "US"),
    ("francecentral", "France Central", "FR"),
    ("germanywestcentral", "Germany West Central", "DE"),
    ("italynorth", "Italy North", "IT"),
    ("japaneast", "Japan East", "JP"),
    ("koreacentral", "Korea Central", "KR"),
    ("northcentralus", "North Central US", "US"),
    ("norwayeast", "Norway East", "NO"),
    ("polandcentral", "Poland Central", "PL"),
    ("southafricanorth", "South Africa North", "ZA"),
    ("southcentralus", "South Central US", "US"),
    ("southindia", "South India", "IN"),
    ("spaincentral", "Spain Central", "ES"),
    ("swedencentral", "Sweden Central", "SE"),
    ("switzerlandnorth", "Switzerland North", "CH"),
    ("uaenorth", "UAE North", "AE"),
    ("uksouth", "UK South", "GB"),
    ("westeurope", "West Europe", "NL"),
    ("westus", "West US", "US"),
    ("westus3", "West US 3", "US"),
)
_OFFERED = tuple(
    Region(name=name, title=f"{title} ({country})") for name, title, country in _REGIONS
)
_SOURCES = (
    "https://learn.microsoft.com/azure/reliability/regions-list",
    "https://learn.microsoft.com/azure/ai-studio/reference/region-support",
    "https://learn.microsoft.com/azure/ai-foundry/responsible-ai/openai/data-privacy",
    "https://learn.microsoft.com/azure/foundry-classic/foundry-models/concepts/deployment-types",
)

AZURE = Kind(
    name="azure",
    title="Azure AI Foundry",
    dialect="azure",
    url_example="https://RESOURCE.services.ai.azure.com/models",
    host_suffixes=(".services.ai.azure.com", ".models.ai.azure.com"),
    regions=_OFFERED,
    trains_on_inputs=False,
    sources=_SOURCES,
    checked="2026-11-22",
)
AZURE_OPENAI = Kind(
    name="azure_openai",
    title="Azure OpenAI",
    dialect="azure_openai",
    url_example="https://RESOURCE.openai.azure.com/openai",
    host_suffixes=(".openai.azure.com", ".cognitiveservices.azure.com"),
    regions=_OFFERED,
    max_tokens_field="max_completion_tokens",
    trains_on_inputs=False,
    sources=_SOURCES,
    checked="2026-11-22",
)
