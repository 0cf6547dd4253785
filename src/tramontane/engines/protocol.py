"""What an engine's child and its supervisor say to each other, whichever engine it is.

One line of JSON (Options) on stdin is answered by one line on stdout: Ready once the engine
answers, Failed else. SIGTERM lets open answers run out, a second one does not; the end of stdin,
which is the parent's end, ends the child at once. The key comes on stdin only, never in arguments
or environment. It does not know what an engine serves.
"""

import contextlib
import os
import resource
import signal
import sys
from pathlib import Path

import msgspec


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to serve. `context_tokens` is promised to each of `slots` requests at once.

    `gives_vectors`: it is asked for embeddings, and nothing else.
    """

    model_path: str  # empty where the engine needs no file
    alias: str
    context_tokens: int
    slots: int
    api_key: str
    threads: int | None = None  # None: one less than there are cores
    share_prompt_cache: bool = False
    gives_vectors: bool = False


class Ready(msgspec.Struct, frozen=True):
    """The engine answers at `address` ("127.0.0.1:PORT"), with so much context for a request.

    `supports_tools`: its chat template shows the model what tools there are.
    """

    address: str
    context_tokens: int
    supports_tools: bool = False


class Failed(msgspec.Struct, frozen=True):
    """The engine cannot serve. `is_final`: trying again would change nothing."""

    error: str
    is_final: bool


def private_stdout() -> int:
    """Return a copy of stdout for the answer; from now on libraries' prints go to stderr."""
    answer = os.dup(1)
    os.dup2(2, 1)
    return answer


def lower_risks() -> None:
    """Leave Ctrl-C to the parent, dump no core, and be the first to go where memory runs out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold prompts
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def exit_with_parent() -> None:
    """Return never: end this process when stdin does. For a thread of its own."""
    while sys.stdin.buffer.read(4_096):
        pass
    os._exit(0)


def send(answer: int, line: Ready | Failed) -> None:
    """Write `line` to the descriptor that `private_stdout` returned."""
    os.write(answer, msgspec.json.encode(line) + b"\n")
