"""Training from scratch on one CPU: warm-up, a constant rate, then a linear cool-down.

The constant part may be cut short at any step (`Stop`), since the cool-down can begin anywhere
(warmup-stable-decay, Hu et al. 2024). Progress is counted in steps, never in time, so a paused
process loses nothing. Knows nothing of files, languages or what the tokens mean.
"""

import time
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec
import torch
from torch import Tensor
from torch.nn import functional

from tramontane.training.corpus import Windows
from tramontane.training.llama import Llama


class Plan(msgspec.Struct, frozen=True):
    """How long and how fast to train."""

    steps: int
    batch_tokens: int = 8192
    warmup_steps: int = 50
    cooldown_share: float = 0.2
    muon_rate: float = 0.01
    adam_rate: float = 0.003
    bf16: bool = True
    compiled: bool = True


class Progress(msgspec.Struct, frozen=True):
    """Where a run stands after a step; the loss is in nats per token."""

    step: int
    steps: int
    loss: float
    tokens: int
    seconds: float
    cooling: bool


class Batches(Protocol):
    """The data of a run: (inputs and targets overlapping) token windows for each phase."""

    def __call__(self, cooling: bool, batch_tokens: int) -> Tensor: ...


class MixedBatches:
    """Short windows of text while the rate is constant; long ones with some chats in the end."""

    def __init__(self, short: Windows, long: Windows, chats: Windows, chats_every: int) -> None:
        self._short, self._long, self._chats = short, long, chats
        self._chats_every = chats_every

    def __call__(self, cooling: bool, batch_tokens: int) -> Tensor:
        if not cooling:
            return torch.from_numpy(self._short.take(batch_tokens // self._short.length_tokens))
        rows = batch_tokens // self._long.length_tokens
        chat_rows = max(1, rows // self._chats_every)
        text = torch.from_numpy(self._long.take(rows - chat_rows))
        return torch.cat((text, torch.from_numpy(self._chats.take(chat_rows))))


class Stop:
    """Asked from outside (a signal handler) to begin the cool-down at the next step."""

    def __init__(self) -> None:
        self.asked = False

    def ask(self) -> None:
        """Begin the cool-down as soon as the current step is done."""
        self.asked = True


def rate_at(step: int, plan: Plan, cooldown_start: int) -> float:
    """Return the share of the full learning rate at a step, 0 to 1."""
    cooldown_steps = max(1, round(plan.steps * plan.cooldown_share))
    warm = min(1.0, (step + 1) / plan.warmup_steps)
    return warm * min(1.0, 1.0 - (step - cooldown_start) / cooldown_steps)


def pretrain(model: Llama, batches: Batches, plan: Plan, stop: Stop) -> Iterator[Progress]:
    """Train `model` in place and yield after each step.

    The cool-down begins at its planned step, or when `stop` is asked, and keeps its length.
    """
    forward: Callable[[Tensor, Tensor], Tensor] = loss_of(model)
    if plan.compiled:
        forward = torch.compile(forward, dynamic=False)
    optimizers = optimizers_of(model, plan)
    cooldown_steps = max(1, round(plan.steps * plan.cooldown_share))
    cooldown_start = plan.steps - cooldown_steps
    step, tokens, began_s = 0, 0, time.monotonic()
    model.train()
    while step < cooldown_start + cooldown_steps:
        if stop.asked:
            cooldown_start = min(cooldown_start, step)
        cooling = step >= cooldown_start
        windows = batches(cooling, plan.batch_tokens)
        with torch.autocast("cpu", torch.bfloat16, enabled=plan.bf16):
            loss = forward(windows[:, :-1], windows[:, 1:])
        torch.autograd.backward(loss)
        set_rates(optimizers, rate_at(step, plan, cooldown_start))
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        step, tokens = step + 1, tokens + windows[:, 1:].numel()
        elapsed_s = time.monotonic() - began_s
        yield Progress(
            step, cooldown_start + cooldown_steps, loss.item(), tokens, elapsed_s, cooling
        )


def loss_of(model: Llama) -> Callable[[Tensor, Tensor], Tensor]:
    """Return a function of inputs and targets (batch, length) to the mean loss in nats."""

    def loss(inputs: Tensor, targets: Tensor) -> Tensor:
        logits = model(inputs)
        return functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())

    return loss


def optimizers_of(model: Llama, plan: Plan) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices inside the layers, AdamW for embedding, head and norms."""
    inside = [p for p in model.blocks.parameters() if p.dim() == 2]
    inside_ids = {id(p) for p in inside}
    rest = [p for p in model.parameters() if id(p) not in inside_ids]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.Muon(
            inside, lr=plan.muon_rate, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(rest, lr=plan.adam_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True),
    ]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["full_rate"] = group["lr"]
    return optimizers


def set_rates(optimizers: list[torch.optim.Optimizer], share: float) -> None:
    """Set every optimiser's rate to a share of its full rate."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["full_rate"] * share
