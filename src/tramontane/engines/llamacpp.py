"""The engine child: one model file, served by llama.cpp's own HTTP server on loopback.

`python -m tramontane.engines.llamacpp` talks to its supervisor as `protocol` says. It knows nothing
of projects, budgets or other engines; who may ask what is the gateway's business.

What a caller must know of this server is in `docs/decisions/004-engine-children.md`.
"""

import http.client
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from tramontane.engines.gguf import read_header
from tramontane.engines.protocol import (
    Failed,
    Options,
    Ready,
    exit_with_parent,
    lower_risks,
    private_stdout,
    send,
)
from tramontane.errors import InvalidModelFile

SHARED_CACHE_MIB = 1_024
PREFILL_STEP_TOKENS = 512
_ASK_TIMEOUT_S = 30.0
_IDLE_S = 0.1
_LINGER_S = 1.0


class _CannotServe(Exception):
    def __init__(self, message: str, *, is_final: bool) -> None:
        super().__init__(message)
        self.failed = Failed(message, is_final)


def main() -> int:
    """Serve until told to stop; return 1 where it cannot."""
    answer = private_stdout()
    lower_risks()
    try:
        options = msgspec.json.decode(sys.stdin.buffer.readline(), type=Options)
        server, ready = _load(options)
    except msgspec.MsgspecError as error:
        return _give_up(answer, Failed(f"the engine's options are wrong: {error}", True))
    except _CannotServe as error:
        return _give_up(answer, error.failed)
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if stopping.is_set():
            os._exit(0)
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=exit_with_parent, daemon=True).start()
    send(answer, ready)
    stopping.wait()
    if options.gives_vectors:
        time.sleep(_LINGER_S)  # it may not be able to say anything, so it cannot be asked
    else:
        _drain(server, options.slots)
    os._exit(0)  # nothing is to be saved, and llama.cpp's own farewell can hang


def _load(options: Options) -> tuple[Any, Ready]:
    try:
        header = read_header(Path(options.model_path))
    except InvalidModelFile as error:
        raise _CannotServe(error.message, is_final=True) from None
    try:
        import xllamacpp
    except ImportError as error:
        raise _CannotServe(
            f"llama.cpp is not installed here ({error}); install it with"
            " `pip install 'tramontane[engine]'`",
            is_final=True,
        ) from None
    try:
        parameters = _parameters(xllamacpp.CommonParams(), options)
        if options.gives_vectors and not header.metadata.get(f"{header.architecture}.pooling_type"):
            # The file does not say how the vectors of tokens become one.
            parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    except (AttributeError, TypeError) as error:
        raise _CannotServe(
            f"this xllamacpp, {xllamacpp.__version__}, is not the one that is needed ({error});"
            " install the locked version",
            is_final=True,
        ) from None
    try:
        server = xllamacpp.Server(parameters)
    except (RuntimeError, ValueError, MemoryError) as error:
        # It says no more here; its reasons are on stderr. Memory may be there the next time.
        raise _CannotServe("llama.cpp could not load the model", is_final=False) from error
    address = str(server.listening_address).removeprefix("http://")
    return server, _ask_properties(address, options.api_key)


def _parameters(parameters: Any, options: Options) -> Any:
    """Set everything that matters for safety and promises; raise AttributeError if unknown."""
    shared = options.share_prompt_cache
    parameters.model.path = options.model_path
    parameters.cpuparams.n_threads = options.threads or _default_threads()
    settings: dict[str, object] = {
        # One listener, one key.
        "hostnames": ["127.0.0.1"],
        "port": 0,
        "api_keys": [options.api_key],
        "model_alias": {options.alias},
        # What is promised: so much context for each slot, neither shared nor slid nor shrunk.
        "n_parallel": options.slots,
        "n_ctx": options.context_tokens * options.slots,
        "kv_unified": False,
        "ctx_shift": False,
        "fit_params": False,
        # A request that was left is dropped between steps of the prefill, so steps are short.
        "n_batch": PREFILL_STEP_TOKENS,
        "n_ubatch": PREFILL_STEP_TOKENS,
        # No prompt is reused unless its request says so: not by likeness, not from memory.
        "cache_prompt": shared,
        "slot_prompt_similarity": 0.1 if shared else 0.0,
        "cache_ram_mib": SHARED_CACHE_MIB if shared else 0,
        "cache_idle_slots": shared,
        "n_cache_reuse": 0,
        "n_ctx_checkpoints": 4,  # per slot; up to hundreds of MB each with large models
        # Chat templates of the file, in llama.cpp's own interpreter, in this process.
        "use_jinja": True,
        "enable_chat_template": True,
        # Everything else it can do is off.
        "ui": False,
        "ui_mcp_proxy": False,
        "mcp_servers_config": "",
        "mcp_servers_json": "",
        "server_tools": [],
        "endpoint_slots": False,
        "endpoint_props": False,
        "endpoint_metrics": False,
        "slot_save_path": "",
        "media_path": "",
        "public_path": "",
        "models_dir": "",
        "models_autoload": False,
        "offline": True,
        "embedding": False,
        "cors_origins": "",
        "cors_origins_explicit": True,
        "cors_credentials": False,
        # No comments in streams: the gateway sends its own, and times silence itself.
        "sse_ping_interval": -1,
        "timeout_read": 600,
        "timeout_write": 600,
        "verbosity": 1,  # errors only; the supervisor keeps what cannot hold content
    }
    if options.gives_vectors:
        # An input is taken in one step, so a step is as long as the context.
        settings |= {
            "embedding": True,
            "n_batch": options.context_tokens,
            "n_ubatch": options.context_tokens,
        }
    for name, value in settings.items():
        getattr(parameters, name)
        setattr(parameters, name, value)
    return parameters


def _default_threads() -> int:
    """Return one less than the cores that are ours, or -1 for llama.cpp's own choice.

    Its threads spin while they wait for one another: with as many as there are cores, any other
    process, such as the gateway, makes an answer 10 to 50 times slower (measured).
    """
    if not hasattr(os, "sched_getaffinity"):
        return -1
    cores = set()
    for cpu in os.sched_getaffinity(0):
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        cores.add(siblings.read_text() if siblings.exists() else str(cpu))
    return max(1, len(cores) - 1)


def _ask_properties(address: str, api_key: str) -> Ready:
    """Return what the loaded server says of itself: the context of one slot, its template."""
    connection = http.client.HTTPConnection(address, timeout=_ASK_TIMEOUT_S)
    try:
        connection.request("GET", "/props", headers={"Authorization": f"Bearer {api_key}"})
        response = connection.getresponse()
        told = msgspec.json.decode(response.read())
        context_tokens = int(told["default_generation_settings"]["n_ctx"])
        caps = told.get("chat_template_caps") or {}
        return Ready(address, context_tokens, bool(caps.get("supports_tools")))
    except (OSError, http.client.HTTPException, msgspec.MsgspecError, KeyError, TypeError) as error:
        raise _CannotServe(
            f"llama.cpp loaded the model, but does not answer ({type(error).__name__})",
            is_final=False,
        ) from None
    finally:
        connection.close()


def _drain(server: Any, slots: int) -> None:
    """Return when every slot has been idle since now, and the last answers have had time to leave.

    Each slot is asked for nothing: the request queues behind what is open there.
    """

    def ask(slot: int) -> None:
        server.handle_completions(
            {"prompt": [0], "n_predict": 0, "id_slot": slot, "cache_prompt": False}
        )

    asked_s = time.monotonic()
    threads = [threading.Thread(target=ask, args=(slot,), daemon=True) for slot in range(slots)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    was_busy = time.monotonic() - asked_s > _IDLE_S
    time.sleep(_LINGER_S if was_busy else _IDLE_S)


def _give_up(answer: int, failed: Failed) -> int:
    send(answer, failed)
    return 1


if __name__ == "__main__":
    sys.exit(main())
