"""Licences of models: one id for each, whether it is free, and what it forbids.

Facts about texts that others wrote, each with the address where the text stands; no advice. A
licence that is not here is unknown, and stays so. It does not know which model has which.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

Use = Literal["commercial", "derivatives", "production"]
"""`production`: any use but research and tests. `derivatives`: fine-tuning and passing that on."""


class Licence(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a licence. `is_free`: anybody may use, change and share it for anything
    (as the Open Source Definition asks). `forbids` are uses that it does not allow without another
    agreement; `limits` says in words what else it asks. `is_certain` False: only its name is known
    ("other"), so nothing else is.
    """

    id: str
    title: str
    is_free: bool | None
    forbids: frozenset[Use] = frozenset()
    limits: str = ""
    url: str = ""


_NON_COMMERCIAL: frozenset[Use] = frozenset({"commercial", "production"})


def _free(id_: str, title: str, url: str, limits: str = "") -> Licence:
    return Licence(id=id_, title=title, is_free=True, url=url, limits=limits)


def _limited(id_: str, title: str, url: str, limits: str) -> Licence:
    return Licence(id=id_, title=title, is_free=False, url=url, limits=limits)


def _research(
    id_: str, title: str, url: str, limits: str = "", extra: frozenset[Use] = frozenset()
) -> Licence:
    return Licence(
        id=id_,
        title=title,
        is_free=False,
        forbids=_NON_COMMERCIAL | extra,
        url=url,
        limits=limits or "non-commercial use only",
    )


_SPDX = "https://spdx.org/licenses/"
_CC = "https://creativecommons.org/licenses/"
_HF = "https://huggingface.co/"
_COPYLEFT = "changed versions under the same licence"
_RAIL = "a list of forbidden uses goes with it"
_LLAMA = "another agreement above 700 million monthly users; acceptable use policy; named “Llama”"

_ALL = (
    _free("Apache-2.0", "Apache License 2.0", _SPDX + "Apache-2.0.html"),
    _free("MIT", "MIT License", _SPDX + "MIT.html"),
    _free("BSD-3-Clause", "BSD 3-Clause", _SPDX + "BSD-3-Clause.html"),
    _free("CC0-1.0", "Creative Commons Zero 1.0", _SPDX + "CC0-1.0.html"),
    _free("CC-BY-4.0", "Creative Commons Attribution 4.0", _CC + "by/4.0/", "name the author"),
    _free("CC-BY-SA-4.0", "Creative Commons Attribution-ShareAlike 4.0", _CC + "by-sa/4.0/",
          _COPYLEFT),
    _free("AGPL-3.0", "GNU Affero GPL 3.0", _SPDX + "AGPL-3.0.html", _COPYLEFT),
    _free("GPL-3.0", "GNU GPL 3.0", _SPDX + "GPL-3.0.html", _COPYLEFT),
    _free("AFL-3.0", "Academic Free License 3.0", _SPDX + "AFL-3.0.html"),
    _free("Unlicense", "The Unlicense", _SPDX + "Unlicense.html"),
    _free("WTFPL", "Do What The F*ck You Want To Public License", _SPDX + "WTFPL.html"),
    _free("OpenMDW-1.0", "OpenMDW License 1.0", "https://openmdw.ai/"),
    _free("OpenMDW-1.1", "OpenMDW License 1.1", "https://openmdw.ai/"),
    _research("CC-BY-NC-4.0", "Creative Commons Attribution-NonCommercial 4.0", _CC + "by-nc/4.0/"),
    _research("CC-BY-NC-2.0", "Creative Commons Attribution-NonCommercial 2.0", _CC + "by-nc/2.0/"),
    _research("CC-BY-NC-SA-4.0", "Creative Commons Attribution-NonCommercial-ShareAlike 4.0",
              _CC + "by-nc-sa/4.0/"),
    _research("CC-BY-NC-ND-4.0", "Creative Commons Attribution-NonCommercial-NoDerivatives 4.0",
              _CC + "by-nc-nd/4.0/", "non-commercial use only, no changed versions",
              frozenset({"derivatives"})),
    _limited("llama2", "Llama 2 Community License", "https://ai.meta.com/llama/license/",
             _LLAMA + "; not to improve other models"),
    _limited("llama3", "Llama 3 Community License", "https://www.llama.com/llama3/license/",
             _LLAMA),
    _limited("llama3.1", "Llama 3.1 Community License", "https://www.llama.com/llama3_1/license/",
             _LLAMA),
    _limited("llama3.2", "Llama 3.2 Community License", "https://www.llama.com/llama3_2/license/",
             _LLAMA + "; vision models not for users established in the EU"),
    _limited("llama3.3", "Llama 3.3 Community License", "https://www.llama.com/llama3_3/license/",
             _LLAMA),
    _limited("llama4", "Llama 4 Community License", "https://www.llama.com/llama4/license/",
             _LLAMA + "; not for users established in the EU"),
    _limited("gemma", "Gemma Terms of Use", "https://ai.google.dev/gemma/terms",
             "prohibited use policy; terms passed on"),
    _limited("openrail", "OpenRAIL", "https://www.licenses.ai/", _RAIL),
    _limited("openrail++", "CreativeML Open RAIL++-M",
             _HF + "stabilityai/stable-diffusion-xl-base-1.0/blob/main/LICENSE.md", _RAIL),
    _limited("creativeml-openrail-m", "CreativeML Open RAIL-M",
             _HF + "spaces/CompVis/stable-diffusion-license", _RAIL),
    _limited("falcon-llm-license", "Falcon LLM License",
             "https://falconllm.tii.ae/falcon-terms-and-conditions.html", "acceptable use policy"),
    _limited("lfm1.0", "LFM Open License v1.0", "https://www.liquid.ai/lfm-license",
             "commercial use only below 10 million dollars of yearly revenue"),
    _limited("nvidia-open-model-license", "NVIDIA Open Model License",
             "https://developer.download.nvidia.com/licenses/nvidia-open-model-license-agreement.pdf",
             "ends where safety guards are circumvented"),
    _limited("health-ai-developer-foundations", "Health AI Developer Foundations Terms",
             "https://developers.google.com/health-ai-developer-foundations/terms",
             "not for clinical use without clearance; prohibited use policy"),
    _limited("tencent-hunyuan-community", "Tencent Hunyuan Community License",
             _HF + "tencent/HunyuanOCR/blob/main/LICENSE",
             "does not apply in the European Union, the United Kingdom and South Korea"),
    _limited("modified-mit", "Modified MIT License",
             _HF + "moonshotai/Kimi-K2-Instruct/blob/main/LICENSE",
             "large commercial users must show the model's name"),
    _limited("stabilityai-ai-community", "Stability AI Community License",
             "https://stability.ai/community-license-agreement",
             "commercial use only below one million dollars of yearly revenue"),
    _research("flux-1-dev-non-commercial-license", "FLUX.1 [dev] Non-Commercial License",
              _HF + "black-forest-labs/FLUX.1-dev/blob/main/LICENSE.md"),
    _research("flux-2-dev-non-commercial-license", "FLUX.2 [dev] Non-Commercial License",
              _HF + "black-forest-labs/FLUX.2-dev/blob/main/LICENSE.md"),
    _research("flux-non-commercial-license", "FLUX Non-Commercial License",
              _HF + "black-forest-labs"),
    _research("insightface-non-commercial", "InsightFace models, non-commercial research",
              "https://github.com/deepinsight/insightface#license"),
    _research("webai-non-commercial-license", "webAI Non-Commercial License",
              _HF + "webAI-Official"),
    _research("ideogram-non-commercial-model-agreement", "Ideogram Non-Commercial Agreement",
              _HF + "ideogram-ai"),
    _research("mistral-research-license", "Mistral AI Research License",
              "https://mistral.ai/licenses/MRL-0.1.md", "research only"),
    _research("mnpl", "Mistral AI Non-Production License",
              "https://mistral.ai/licenses/MNPL-0.1.md", "no production, tests and research only"),
    _research("fish-audio-research-license", "Fish Audio Research License", _HF + "fishaudio"),
    _research("msrla", "Microsoft Research License Agreement",
              "https://www.microsoft.com/en-us/research/", "research only"),
)  # fmt: skip

LICENCES: Mapping[str, Licence] = MappingProxyType({licence.id: licence for licence in _ALL})

_SAME = {
    "gnu-agpl-v3.0": "AGPL-3.0",
    "agpl-3.0-only": "AGPL-3.0",
    "creativeml-openrail++-m": "openrail++",
    "lfm-open-license-v1.0": "lfm1.0",
    "falcon-llm": "falcon-llm-license",
    "webai-non-commercial-license-ver.-1.0": "webai-non-commercial-license",
    "llama-2": "llama2",
    "apache-license-2.0": "Apache-2.0",
    "apache2.0": "Apache-2.0",
    "mit-license": "MIT",
}
_BY_NAME = MappingProxyType({**{k.lower(): k for k in LICENCES}, **_SAME})
_NOTHING_SAID = frozenset({"", "other", "custom", "unknown", "inf", "none", "proprietary"})


def licence_id(text: str | None) -> str | None:
    """Return the one id of the licence that a source calls `text`: SPDX's where it has one.

    A name that is not in the table is kept in lower case; None where it says nothing ("other").
    """
    plain = re.sub(r"\s+", "-", (text or "").strip().lower())
    if plain in _NOTHING_SAID:
        return None
    return _BY_NAME.get(plain, plain)


def known(licence: str | None) -> Licence | None:
    """Return what is known of a licence by its id; None: nothing."""
    return None if licence is None else LICENCES.get(licence)


def is_free(licence: str | None) -> bool | None:
    """Return whether anybody may use, change and share under it for anything; None: unknown."""
    found = known(licence)
    return None if found is None else found.is_free


def forbids(licence: str | None, use: Use) -> bool | None:
    """Return whether the licence forbids that use without another agreement; None: unknown."""
    found = known(licence)
    return None if found is None else use in found.forbids


def limits(licence: str | None) -> str:
    """Return in words what the licence asks beyond being named; empty: nothing that is known."""
    found = known(licence)
    return "" if found is None else found.limits
