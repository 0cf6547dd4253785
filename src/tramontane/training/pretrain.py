"""Training from scratch on one CPU: warm-up, a constant rate, then a linear cool-down.

The constant part may be cut short at any step, since the cool-down can begin anywhere
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


BEGINNING = Progress(step=0, steps=0, loss=0.0, tokens=0, seconds=0.0, cooling=False)


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


class Schedule:
    """The learning rate over the steps of a run, which may be hurried from outside.

    Warm-up, a constant part, a linear cool-down to zero. `hurry` (from a signal handler) begins
    the cool-down at the next step, at its planned length; again, it halves what is left of it.
    """

    def __init__(self, plan: Plan, first_step: int = 0) -> None:
        self.end = plan.steps
        self._plan = plan
        self._first = first_step
        self._cooldown_steps = max(1, round(plan.steps * plan.cooldown_share))
        self._fall = (plan.steps - self._cooldown_steps, 1.0)  # from this step, from this rate
        self._hurries = 0

    def hurry(self) -> None:
        """Ask for an earlier end; taken up when the current step is done."""
        self._hurries += 1

    def cooling(self, step: int) -> bool:
        """Return whether the rate is falling at this step."""
        return step >= self._fall[0]

    def rate(self, step: int) -> float:
        """Return the share of the full learning rate at a step, 0 to 1."""
        start, height = self._fall
        warm = min(1.0, (step - self._first + 1) / self._plan.warmup_steps)
        fallen = max(0, step - start) / (self.end - start)
        return warm * height * (1 - fallen)

    def take_up_hurries(self, step: int) -> None:
        """Bring the end forward, once for each call of `hurry` since the last time."""
        while self._hurries:
            self._hurries -= 1
            if self.cooling(step):
                height = self._fall[1] * (1 - (step - self._fall[0]) / (self.end - self._fall[0]))
                self._fall, self.end = (step, height), step + max(1, (self.end - step) // 2)
            else:
                self._fall, self.end = (step, 1.0), step + self._cooldown_steps


def pretrain(
    model: Llama, batches: Batches, plan: Plan, schedule: Schedule, begin: Progress = BEGINNING
) -> Iterator[Progress]:
    """Train `model` in place and yield after each step until the schedule's end.

    `begin` is where an earlier run left these weights; optimisers start anew.
    """
    forward: Callable[[Tensor, Tensor], Tensor] = loss_of(model)
    if plan.compiled:
        forward = torch.compile(forward, dynamic=False)
    optimizers = optimizers_of(model, plan)
    step, tokens, began_s = begin.step, begin.tokens, time.monotonic() - begin.seconds
    model.train()
    while step < schedule.end:
        schedule.take_up_hurries(step)
        cooling = schedule.cooling(step)
        windows = batches(cooling, plan.batch_tokens)
        with torch.autocast("cpu", torch.bfloat16, enabled=plan.bf16):
            loss = forward(windows[:, :-1], windows[:, 1:])
        torch.autograd.backward(loss)
        set_rates(optimizers, schedule.rate(step))
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        step, tokens = step + 1, tokens + windows[:, 1:].numel()
        elapsed_s = time.monotonic() - began_s
        yield Progress(step, schedule.end, loss.item(), tokens, elapsed_s, cooling)


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
