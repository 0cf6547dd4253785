"""OpenAI's own API."""

from tramontane.providers.kind import Kind, Region

OPENAI = Kind(
    name="openai",
    title="OpenAI",
    dialect="openai",
    url="https://api.openai.com/v1",
    regions=(
        Region(name="global", title="Anywhere"),
        Region(
            name="us", title="United States", jurisdiction="US", url="https://us.api.openai.com/v1"
        ),
        # Its help page speaks of the European Economic Area and Switzerland, not of the Union.
        Region(
            name="eu", title="Europe", jurisdiction="EEA+CH", url="https://eu.api.openai.com/v1"
        ),
        Region(name="au", title="Australia", jurisdiction="AU", url="https://au.api.openai.com/v1"),
        Region(name="in", title="India", jurisdiction="IN", url="https://in.api.openai.com/v1"),
        Region(name="jp", title="Japan", jurisdiction="JP", url="https://jp.api.openai.com/v1"),
    ),
    default_region="global",
    key_hint="A region needs a key of a project with data residency there.",
    max_tokens_field="max_completion_tokens",
    trains_on_inputs=False,
    sources=(
        "https://developers.openai.com/api/docs/guides/data-residency",
        "https://help.openai.com/en/articles/10503543-data-residency-for-the-openai-api",
        "https://platform.openai.com/docs/guides/your-data",
    ),
    checked="2026-11-22",
)
