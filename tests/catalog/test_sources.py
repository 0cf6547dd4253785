"""Each source's reader: units, dates, licences, languages; what is no model is left out."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.catalog.excerpt import files, read, readings
from tramontane.catalog.cards import Field
from tramontane.catalog.reading import is_per_piece
from tramontane.catalog.sources import (
    azureml,
    gpustack,
    helm,
    litellm,
    localai,
    models_dev,
    xinference,
)
from tramontane.errors import InvalidRequest


def test_models_dev_tells_models_with_dates_and_benchmarks() -> None:
    found = readings("models_dev")
    small = found["models/mistral/mistral-small-2506"]
    assert small.repository == "mistralai/Mistral-Small-3.2-24B-Instruct-2506"
    assert small.facts["released_on"] == "2025-06-20"
    assert small.facts["context_tokens"] == 128_000
    assert small.facts["input_modalities"] == ["image", "text"]
    assert small.updated == "2025-06-20"
    assert found["models/deepreinforce/ornith-1.0-35b"].facts["licence"] == "MIT"
    nano = found["models/openai/gpt-5-nano"].facts
    assert nano["knowledge_until"] == "2024-05-30"
    assert nano["weights_open"] is False
    sonnet = found["models/anthropic/claude-sonnet-4-5"].facts["benchmarks"]
    assert {"name", "score", "url"} <= set(sonnet[0])


def test_a_price_of_a_picture_is_no_price_of_tokens() -> None:
    assert is_per_piece("image", "0.00035") and is_per_piece("transcription", "0.0023")
    assert not is_per_piece("image", "5")
    assert not is_per_piece("chat", "0.01")
    assert not is_per_piece("image", None)


def test_parts_shared_by_several_models_name_none_of_them() -> None:
    shared = (
        "https://huggingface.co/Comfy-Org/Wan_2.1_ComfyUI_repackaged/resolve/main/vae.safetensors"
    )
    rows = [
        {"name": f"wan-2.1-{size}-ggml", "files": [
            {"uri": f"huggingface://city96/Wan2.1-{size}-gguf/w-Q4_K_M.gguf"}, {"uri": shared},
        ]}
        for size in ("t2v-1.3b", "i2v-14b")
    ]  # fmt: skip
    found = localai.read({localai.FILE: json.dumps(rows).encode()}).readings
    assert [reading.name for reading in found] == ["wan-2.1-t2v-1.3b-ggml", "wan-2.1-i2v-14b-ggml"]


def test_helm_tells_of_papers_and_of_what_a_model_takes() -> None:
    row = {
        "name": "lab/seer", "display_name": "Seer", "creator_organization_name": "Lab",
        "description": "It sees ([paper](https://arxiv.org/abs/1234.5)).", "access": "limited",
        "tags": ["VISION_LANGUAGE_MODEL_TAG"],
    }  # fmt: skip
    (reading,) = helm.read({helm.FILE: json.dumps([row]).encode()}).readings
    assert reading.facts["paper"] == "https://arxiv.org/abs/1234.5"
    assert reading.facts["paper_open"] is True
    assert reading.facts["input_modalities"] == ["image", "text"]
    assert reading.facts["weights_open"] is False


def test_a_moving_name_or_a_faster_way_of_serving_gets_no_repository() -> None:
    found = readings("models_dev")
    assert found["models/mistral/codestral-latest"].repository is None
    assert found["models/moonshotai/kimi-k2-thinking-turbo"].repository is None
    assert found["models/moonshotai/kimi-k2-thinking"].repository == "moonshotai/Kimi-K2-Thinking"


def test_models_dev_offers_are_dollars_per_million_tokens() -> None:
    found = readings("models_dev")
    (offer,) = found["openai/gpt-5-nano"].offers
    assert (offer.input_per_mtok, offer.output_per_mtok) == ("0.05", "0.4")
    assert (offer.kind, offer.date, offer.model) == ("openai", "2026-07-02", "gpt-5-nano")
    (tiered,) = found["openrouter/anthropic/claude-opus-4.6"].offers
    assert tiered.long_context == ((200_000, "10", "37.5"),)


def test_what_belongs_to_a_subscription_has_no_price_per_token() -> None:
    (offer,) = readings("models_dev")["alibaba-coding-plan/MiniMax-M2.5"].offers
    assert offer.input_per_mtok is None


def test_a_reseller_does_not_close_a_model() -> None:
    found = readings("models_dev")
    assert "weights_open" not in found["302ai/MiniMax-M1"].facts
    assert found["openai/gpt-5-nano"].facts["weights_open"] is False


def test_litellm_is_per_token_and_converted_without_noise() -> None:
    found = readings("litellm")
    gemini = found["databricks/databricks-gemini-2-5-flash"].offers[0]
    raw = json.loads(files()["litellm"][litellm.FILE])["databricks/databricks-gemini-2-5-flash"]
    assert str(raw["input_cost_per_token"]) == "3.0001999999999996e-07"
    assert gemini.input_per_mtok == "0.30002"
    european = found["azure/eu/gpt-5-nano"].offers[0]
    assert (european.region, european.model, european.kind) == ("eu", "gpt-5-nano", "azure_openai")
    bedrock = found["us.anthropic.claude-sonnet-4-5-20250929-v1:0"].offers[0]
    assert (bedrock.provider, bedrock.region) == ("amazon-bedrock", "us")
    above = found["anthropic.claude-sonnet-4-20250514-v1:0"].offers[0].long_context
    assert above == ((200_000, "6", "22.5"),)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("litellm", "a template"),
        ("litellm", "mode guardrail"),
        ("litellm", "a variant by the picture's size"),
        ("litellm", "a price for any model of a size"),
        ("litellm", "a local program, no provider"),
        ("models_dev", "a router, no model"),
        ("helm", "a test entry"),
        ("azureml", "a pipeline, no model"),
        ("xinference", "no repository at the hub"),
    ],
)
def test_what_is_no_model_is_left_out_and_counted(source: str, reason: str) -> None:
    assert read(source).left_out[reason] >= 1


def test_genai_prices_take_the_price_that_has_started() -> None:
    found = readings("genai_prices")
    o3 = found["openai/o3"].offers[0]
    assert (o3.input_per_mtok, o3.output_per_mtok) == ("2", "8")
    coming = found["aws/global.anthropic.claude-sonnet-5-v1:0"].offers[0]
    assert coming.input_per_mtok == "2"  # the dearer one starts after the source's day
    at_night = found["deepseek/deepseek-chat"].offers[0]
    assert at_night.input_per_mtok == "0.135"
    assert found["perplexity/sonar"].offers[0].per_request == "0.012"
    through = found["huggingface_nebius/Qwen/Qwen2.5-Coder-7B"].offers[0]
    assert (through.provider, through.model) == ("huggingface", "Qwen/Qwen2.5-Coder-7B:nebius")


def test_helm_names_makers_and_merges_ways_of_asking() -> None:
    found = readings("helm")
    assert found["stabilityai/stable-diffusion-xl-base-1.0"].publisher == "stability-ai"
    effort = found["openai/o3-mini-2025-01-31-high-reasoning-effort"]
    assert effort.name == "o3-mini-2025-01-31"
    assert "released_on" not in effort.facts
    large = found["mistralai/mistral-large-2411"].facts
    assert (large["parameters"], large["weights_open"]) == (123_000_000_000, True)
    assert found["openai/gpt2"].name == "gpt2-xl"


def test_localai_tells_whose_model_a_repackaging_is() -> None:
    found = readings("localai")
    skywork = found["skywork_skywork-or1-7b"]
    assert (skywork.publisher, skywork.repository) == ("skywork", "Skywork/Skywork-OR1-7B")
    assert skywork.files[0].uri.startswith("hf:bartowski/")
    assert skywork.files[0].quantisation == "Q4_K_M"
    assert skywork.files[0].sha256 is not None
    assert len(skywork.files[0].sha256) == 64
    flux = found["flux.1-kontext-dev"].facts
    assert flux["licence"] == "flux-1-dev-non-commercial-license"
    assert found["lfm2.5-1.2b-instruct"].publisher == "liquid"


def test_localai_entries_are_believed_only_as_far_as_their_files() -> None:
    found = readings("localai")
    assert found["whisper-1"].name == "whisper-base"
    assert found["whisper-large-q5_0"].name == "whisper-large-v3-q5_0"
    assert found["bert-embeddings"].is_alone  # its file is a Llama's
    assert not found["qwen3.5-35b-a3b-apex-i-balanced"].is_alone


def gallery(**given: object) -> Mapping[Field, Any]:
    """The facts of one entry of LocalAI's gallery."""
    row = {"name": "some-model-8b", "files": [{"uri": "huggingface://x/y-GGUF/y-Q4_K_M.gguf"}]}
    read = localai.read({localai.FILE: json.dumps([{**row, **given}]).encode()})
    return read.readings[0].facts


def test_localai_tags_tell_size_languages_and_what_goes_in_and_out() -> None:
    facts = gallery(tags=["llm", "8b", "vision", "italian", "welsh"])
    assert facts["parameters"] == 8_000_000_000
    assert facts["languages"] == ["cy", "it"]
    assert facts["input_modalities"] == ["image", "text"]
    assert "parameters" not in gallery(tags=["llm", "70b"])  # not what the name says
    assert "parameters" not in gallery(name="scout-17b-16e", tags=["17b"])  # of one expert
    voice = gallery(name="voice-it_IT-paola-medium", tags=["piper", "tts"])
    assert (voice["languages"], voice["output_modalities"]) == (["it-IT"], ["audio"])


def test_localai_lines_that_name_a_licence_or_a_base_model() -> None:
    facts = gallery(
        description="A model.\n\n**License:** OpenMDW 1.1.\n- **Base Model:** `Lab/Some-4B`"
    )
    assert (facts["licence"], facts["base_model"]) == ("OpenMDW-1.1", "Lab/Some-4B")
    prose = gallery(description="License: see the page of Lab/Some-4B.\nBase model: a good one")
    assert not {"licence", "base_model"} & set(prose)
    itself = gallery(description="Base model: Lab/Some-Model-8B")
    assert "base_model" not in itself


def test_localai_files_of_another_model_are_left_out() -> None:
    row = {
        "name": "deep-cat-32b-i1",
        "urls": ["https://huggingface.co/mradermacher/Deep-Cat-32B-i1-GGUF"],
        "files": [{"uri": "huggingface://bartowski/Qwen_Qwen3-30B-A3B-GGUF/Q4_K_M.gguf"}],
    }
    read = localai.read({localai.FILE: json.dumps([row]).encode()})
    assert (read.readings, dict(read.left_out)) == ((), {"its file is another model's": 1})


def test_azure_sections_are_taken_over_by_their_headings() -> None:
    text = "A model.\n\n## Limitations and Biases\n\n" + "It is **often** wrong about birds. " * 2
    row = {
        "folder": "system/bird", "name": "bird", "description_md": text + "\n\n## License\n\nMIT",
        "system_metadata": {"publisher": "Lab", "tasks": {"inferenceTasks": ["fill-mask"]}},
    }  # fmt: skip
    (reading,) = azureml.read({azureml.FILE: json.dumps([row]).encode()}).readings
    assert str(reading.facts["limitations"]).startswith("It is often wrong about birds.")
    assert reading.facts["input_modalities"] == ["text"]
    row["description_md"] = (
        "## Limitations\n\n* one\n* two\n\nSomething else that is long enough to be prose."
    )
    (listed,) = azureml.read({azureml.FILE: json.dumps([row]).encode()}).readings
    assert "limitations" not in listed.facts


@pytest.mark.parametrize(
    ("model", "linked", "is_believed"),
    [
        ("mistral-large2", "mistral/mistral-large-latest", False),
        ("gpt-5.2-chat", "openai/gpt-5.2-chat-latest", True),
        ("mistral-large", "mistral/mistral-large-2411", True),
    ],
)
def test_an_offer_that_says_its_version_is_not_what_is_newest(
    model: str, linked: str, is_believed: bool
) -> None:
    row = {
        **json.loads(files()["models_dev"][models_dev.OFFERS])[0],
        "provider_id": "seller", "id": model, "base_model": linked,
    }  # fmt: skip
    contents = {models_dev.MODELS: b"{}", models_dev.PROVIDERS: b"[]"}
    contents[models_dev.OFFERS] = json.dumps([row]).encode()
    (found,) = models_dev.read(contents).readings
    assert found.same_as == (linked if is_believed else None)
    assert ("context_tokens" in found.facts) is is_believed  # taken over with the link


def test_xinference_abilities_tell_what_goes_in_and_out() -> None:
    rows = [
        {"model_name": name, "model_ability": abilities,
         "model_src": {"huggingface": {"model_id": f"Lab/{name}"}}}
        for name, abilities in zip(
            "abc", (["image2video"], ["inpainting"], ["text2image"]), strict=True
        )
    ]  # fmt: skip
    files = dict.fromkeys(xinference.FILES, b"[]")
    files["xinference_video.json"] = json.dumps(rows).encode()
    facts = [reading.facts for reading in xinference.read(files).readings]
    assert [f.get("input_modalities") for f in facts] == [["image"], None, ["text"]]
    assert [f.get("output_modalities") for f in facts] == [["video"], None, ["image"]]


def test_xinference_makes_a_model_of_each_size() -> None:
    found = readings("xinference")
    small = found["llm/skywork-or1/7/Skywork/Skywork-OR1-7B"]
    assert small.facts["parameters"] == 7_000_000_000
    coder = found["llm/qwen2.5-coder-instruct/0.5/Qwen/Qwen2.5-Coder-0.5B-Instruct"]
    assert coder.facts["parameters"] == 500_000_000
    assert all(file.uri.startswith("hf:") for file in coder.files)
    seallms = found["llm/seallms-v3/7/SeaLLMs/SeaLLMs-v3-7B-Chat"].facts["languages"]
    assert {"id", "km", "lo", "my", "th", "tl", "vi"} <= set(seallms)  # it writes kh, la, mm, ph
    assert not {"in", "kh", "la", "mm", "ph"} & set(seallms)
    assert found["embedding/bge-m3/BAAI/bge-m3"].facts["dimensions"] == 1024


def test_gpustack_counts_in_millions_billions_and_trillions() -> None:
    found = readings("gpustack")
    assert found["BGE-M3"].facts["parameters"] == 567_000_000
    pro = found["DeepSeek-V4-Pro"].facts
    assert (pro["parameters"], pro["active_parameters"]) == (1_600_000_000_000, 49_000_000_000)
    assert gpustack.tokens_of("128K") == 128_000
    assert gpustack.tokens_of("8192") == 8_192
    assert gpustack.tokens_of("long") is None
    assert found["GLM-5.2"].repository is None  # only a quantised one is named


def test_azure_archived_entries_never_make_a_card() -> None:
    found = readings("azureml")
    converted = found["foundrylocal/qwen2.5-coder-0.5b-instruct-cuda-gpu"]
    assert converted.repository == "Qwen/Qwen2.5-Coder-0.5B-Instruct"
    assert not converted.is_certain
    assert converted.facts["licence"] == "Apache-2.0"
    assert found["foundrylocal/nemotron-speech-streaming-en-0.6b"].publisher is None


def test_azure_links_that_lead_elsewhere_are_not_believed() -> None:
    assert readings("azureml")["system/bert-base-uncased"].repository is None  # …-cased is named
    ner = readings("azureml")["system/jean-baptiste-camembert-ner"]
    assert ner.repository is None  # …-ner-medium is named
    assert readings("azureml")["system/yolof_r50_c5_8x8_1x_coco"].publisher == "openmmlab"


def test_providers_have_addresses_where_they_are_everybodys() -> None:
    found = models_dev.known_providers(files()["models_dev"])
    assert found["openrouter"].url == "https://openrouter.ai/api/v1"
    assert found["302ai"].kind == "compatible"
    assert found["amazon-bedrock"].url is None


def test_a_source_that_is_laid_out_otherwise_is_named() -> None:
    from tramontane.catalog import building

    with pytest.raises(InvalidRequest, match=r"HELM.*not laid out as expected"):
        building.build({"helm": {"helm_model_metadata.json": b'[{"model": "x"}]'}})
    with pytest.raises(InvalidRequest, match="helm: this is no JSON"):
        building.build({"helm": {"helm_model_metadata.json": b"{"}})
