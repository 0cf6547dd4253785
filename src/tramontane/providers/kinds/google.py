"""The Gemini API of Google AI.

It has one address for all the world. Google trains on what comes with unpaid quota and not on what
is paid for; which of both a key stands for is not known from here.
"""

from tramontane.providers.kind import Kind, Region

GOOGLE = Kind(
    name="google",
    title="Google Gemini",
    dialect="google",
    url="https://generativelanguage.googleapis.com/v1beta",
    regions=(Region(name="global", title="Anywhere"),),
    default_region="global",
    sources=(
        "https://ai.google.dev/api",
        "https://ai.google.dev/gemini-api/terms",
    ),
    checked="2026-11-22",
)
