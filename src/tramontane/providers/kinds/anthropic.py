"""Anthropic's own API.

Where a request is processed is a field of it (`inference_geo`) or a setting of the workspace, not
an address: so there is one region, and its place is not known from here.
"""

from tramontane.providers.kind import Kind, Region

ANTHROPIC = Kind(
    name="anthropic",
    title="Anthropic",
    dialect="anthropic",
    url="https://api.anthropic.com/v1",
    regions=(Region(name="global", title="Anywhere"),),
    default_region="global",
    trains_on_inputs=False,
    sources=(
        "https://platform.claude.com/docs/en/manage-claude/data-residency",
        "https://www.anthropic.com/legal/commercial-terms",
    ),
    checked="2026-11-22",
)
