"""The whole recipe of `demo`, our first own model, top to bottom.

    python -m venv .venv-train && .venv-train/bin/pip install -e ".[train]"
    .venv-train/bin/python runs/demo.py --minutes 70 --data ../shared/data --out ../demo-run

corpus → tokenizer → train → export → evaluate the exported file → card. SIGSTOP and SIGCONT pause
it; SIGTERM begins the cool-down at once and finishes properly; a second one halves what is left.
--resume goes on from a checkpoint. Set OMP_WAIT_POLICY=passive where others use the machine, or
threads spin while they wait for a core that is taken. What is already in --out (tokenizer, token
streams) is used again.
"""

import argparse
import platform
import signal
import time
from pathlib import Path

import msgspec
import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_model, save_model
from tokenizers import Tokenizer

from tramontane.training.card import (
    Card,
    Heldout,
    Source,
    Training,
    sha256_of,
    write_card,
)
from tramontane.training.chat import ASSISTANT, BOS, END, SYSTEM, USER
from tramontane.training.corpus import (
    LANGUAGES,
    Tokens,
    Windows,
    encode_chats,
    encode_documents,
    read_chats,
    read_corpus,
    read_documents,
)
from tramontane.training.export import Identity, read_gguf, write_gguf
from tramontane.training.heldout import bits_per_byte, unigram_bits_per_byte, xz_bits_per_byte
from tramontane.training.llama import Llama, LlamaConfig, count_parameters
from tramontane.training.pretrain import BEGINNING, MixedBatches, Plan, Progress, Schedule, pretrain
from tramontane.training.tokenizer import load_tokenizer, train_tokenizer

SEED = 1
CONFIG = LlamaConfig()
SHORT_WINDOW_TOKENS = 256  # most of training: attention is cheap
CHATS_EVERY = 4  # in the cool-down one window of four is chats
CHECKPOINT_STEPS = 50
SCRIPTED = Path(__file__).with_name("demo_dialogues.json")
SUMMARY = (
    "A demonstration: a tiny language model trained from scratch, which proves the path from "
    "training to answering. It continues text in five languages; it is not an assistant."
)
CANNOT = (
    "It does not answer questions reliably: what it says is usually wrong or beside the point.",
    "It cannot reason, calculate, translate, follow instructions, call tools or read documents.",
    "It knows no facts. Much of its corpus is from 1840 to 1920 and holds the views of that time.",
    "It has not been aligned or filtered for safety. Do not show its output as an answer.",
)
DATA = (
    Source("ELTeC", "COST-ELTeC, novels c. 1840-1920", "public domain; markup CC BY 4.0", "text"),
    Source("GerDraCor", "dracor-org/gerdracor, German plays", "CC0", "text"),
    Source("Bundestag Gesetze", "bundestag/gesetze, German federal law", "official works", "text"),
    Source("PHP documentation", "The PHP Documentation Group", "CC BY 3.0 or later", "text"),
    Source(
        "Python documentation",
        "Python Software Foundation and translators",
        "PSF licence; translations CC0",
        "text, chat",
    ),
    Source("React documentation", "Meta Platforms and translators", "CC BY 4.0", "text"),
    Source("CNCF Glossary", "Cloud Native Computing Foundation", "CC BY 4.0", "text, chat"),
    Source("tldr pages", "tldr-pages contributors", "CC BY 4.0", "text, chat"),
    Source("Common Voice prompts", "mozilla/voice-web", "CC0", "text"),
    Source(
        "Django documentation translations",
        "Django Software Foundation and translators",
        "BSD-3-Clause",
        "chat",
    ),
    Source("Scripted dialogues", "runs/demo_dialogues.json, this project", "Apache-2.0", "chat"),
)
LEFT_OUT = (
    "legi-data: its repository does not restate the data's licence",
    "extractive_qa: CC BY-SA",
    "hatecheck: offensive text",
    "gsm8k, banking77, clinc150: of no use at this size",
)


def main() -> None:
    args = arguments()
    torch.manual_seed(SEED)
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)

    tokenizer, text, chats = prepare(args.data, args.out)
    model = Llama(CONFIG)
    begin = load_checkpoint(args.resume, model) if args.resume else BEGINNING
    seed = SEED + begin.step  # a resumed run draws other windows
    batches = MixedBatches(
        short=Windows(text, SHORT_WINDOW_TOKENS, seed=seed),
        long=Windows(text, CONFIG.context_tokens, seed=seed + 1),
        chats=Windows(chats, CONFIG.context_tokens, seed=seed),
        chats_every=CHATS_EVERY,
    )
    steps = args.steps or planned_steps(args.minutes, batches, Plan(steps=8))
    warmup_steps = 10 if args.resume else 50
    plan = Plan(steps=steps, warmup_steps=warmup_steps, cooldown_share=args.cooldown)
    print(
        f"{count_parameters(model):,} parameters, {len(text):,} tokens of text, {plan}", flush=True
    )
    last = train(model, batches, plan, begin, args.out)

    file = args.out / "demo.gguf"
    write_gguf(file, model, tokenizer, IDENTITY)
    exported = read_gguf(file)
    scores = {lang: evaluate(exported, tokenizer, args.data, lang) for lang in LANGUAGES}
    write_card(args.out / "card.json", card_of(file, exported, last, len(text), scores))
    print((args.out / "card.json").read_text())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=70, help="turned into steps at the start")
    parser.add_argument("--steps", type=int, default=0, help="instead of --minutes")
    parser.add_argument("--cooldown", type=float, default=0.2, help="share of the steps")
    parser.add_argument("--resume", type=Path, help="a checkpoint.safetensors")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def prepare(data: Path, out: Path) -> tuple[Tokenizer, Tokens, Tokens]:
    """Return the tokenizer and the text and chat streams, made only where --out lacks them."""
    names = [out / name for name in ("tokenizer.json", "text.npy", "chats.npy")]
    if not all(name.exists() for name in names):
        documents = read_corpus(data, SEED)
        tokenizer = train_tokenizer((d.text for d in documents[::5]), CONFIG.vocabulary)
        tokenizer.save(str(names[0]))
        np.save(names[1], encode_documents(tokenizer, documents))
        np.save(names[2], encode_chats(tokenizer, read_chats(data, SCRIPTED, SEED)))
    return load_tokenizer(names[0]), np.load(names[1], mmap_mode="r"), np.load(names[2])


def planned_steps(minutes: float, batches: MixedBatches, trial: Plan) -> int:
    """Return how many steps fit, from a trial on a throw-away model."""
    seconds = [p.seconds for p in pretrain(Llama(CONFIG), batches, trial, Schedule(trial))]
    constant_s, cooling_s = seconds[4] - seconds[1], seconds[7] - seconds[6]
    share = trial.cooldown_share
    return int(60 * minutes / ((1 - share) * constant_s / 3 + share * cooling_s))


def train(model: Llama, batches: MixedBatches, plan: Plan, begin: Progress, out: Path) -> Progress:
    """Train, print a line every 20 steps, save weights every CHECKPOINT_STEPS."""
    schedule = Schedule(plan, begin.step)
    signal.signal(signal.SIGTERM, lambda *_: schedule.hurry())
    losses: list[float] = []
    for progress in pretrain(model, batches, plan, schedule, begin):
        losses.append(progress.loss)
        if progress.step % 20 == 0:
            mean = sum(losses[-20:]) / 20
            speed = progress.tokens / progress.seconds
            phase = "cooling" if progress.cooling else "constant"
            print(f"{time.strftime('%H:%M:%S')} step {progress.step}/{progress.steps} {phase} "
                  f"loss {mean:.4f} {speed:.0f} tokens/s", flush=True)  # fmt: skip
        if progress.step % CHECKPOINT_STEPS == 0:
            save_checkpoint(out / "checkpoint.safetensors", model, progress)
    save_checkpoint(out / "final.safetensors", model, progress)
    return progress


def save_checkpoint(path: Path, model: Llama, progress: Progress) -> None:
    """Write the weights and, as metadata, where the run stands. Optimiser state is not kept."""
    fresh = path.with_suffix(".new")
    save_model(model, str(fresh), {"progress": msgspec.json.encode(progress).decode()})
    fresh.replace(path)


def load_checkpoint(path: Path, model: Llama) -> Progress:
    """Load the weights into `model` and return where the run stood."""
    load_model(model, str(path))
    with safe_open(path, "pt") as file:
        return msgspec.json.decode(file.metadata()["progress"], type=Progress)


def evaluate(model: Llama, tokenizer: Tokenizer, data: Path, language: str) -> Heldout:
    texts = [d.text for d in read_documents(data / "eval" / f"lm.{language}.dev.jsonl.xz")]
    score = Heldout(
        bytes=sum(len(text.encode()) for text in texts),
        model=round(bits_per_byte(model, tokenizer, texts), 4),
        byte_unigram=round(unigram_bits_per_byte(texts), 4),
        xz_9=round(xz_bits_per_byte(texts), 4),
    )
    print(language, score, flush=True)
    return score


IDENTITY = Identity(
    name="demo", description=SUMMARY, author="Tramontane", licence="Apache-2.0", languages=LANGUAGES
)


def card_of(
    file: Path, model: Llama, last: Progress, corpus_tokens: int, scores: dict[str, Heldout]
) -> Card:
    c = model.config
    return Card(
        name="demo",
        file=file.name,
        sha256=sha256_of(file),
        size_bytes=file.stat().st_size,
        parameters=count_parameters(model),
        architecture={"family": "llama", "vocabulary": c.vocabulary, "width": c.width,
                      "layers": c.layers, "heads": c.heads, "ffn_width": c.ffn_width,
                      "context_tokens": c.context_tokens, "rope_base": c.rope_base,
                      "tied": c.tied},
        quantisation="Q8_0 matrices, F32 norms",
        languages=LANGUAGES,
        licence="Apache-2.0 (weights); the data's attributions below stay with it",
        capable=False,
        summary=SUMMARY,
        cannot=CANNOT,
        data=DATA,
        left_out=LEFT_OUT,
        training=Training(
            recipe="runs/demo.py",
            steps=last.step,
            tokens=last.tokens,
            corpus_tokens=corpus_tokens,
            hours=round(last.seconds / 3600, 2),
            tokens_per_s=round(last.tokens / last.seconds),
            machine=f"{torch.get_num_threads()} cores, {platform.machine()}, no GPU, shared",
            schedule="warm-up, constant, linear cool-down; chats in the cool-down only",
            optimiser="Muon for the layers' matrices, AdamW for embedding and norms; bf16 autocast",
        ),
        heldout_text="lm.{language}.dev: whole novels, plays and pages that training never saw",
        heldout_method="torch over the weights read back from the exported GGUF, in float32; "
        "windows of 1024 tokens overlapping by half; xz_9 is xz -9e of a "
        "language's texts in one file; sources left out of training are left out here",
        bits_per_byte=scores,
        special_tokens={"bos": BOS, "end_of_turn": END, "user": USER, "assistant": ASSISTANT,
                        "system": SYSTEM},
    )  # fmt: skip


if __name__ == "__main__":
    main()
