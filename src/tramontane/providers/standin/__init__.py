"""A stand-in that speaks the published wire form of OpenAI's API, for tests and benchmarks.

It answers by script or echo, at a set pace, with faults on demand, and counts tokens its own way,
so that a bill can be held against a second opinion. It shares no code with the gateway or `wire`.
See docs/standin.md.
"""

from tramontane.providers.standin.behaviour import (
    Behaviour,
    Fault,
    Rule,
    ScriptedCall,
    StandinOptions,
    load_script,
)
from tramontane.providers.standin.server import Standin, main
from tramontane.providers.standin.tally import Request, read_file

__all__ = [
    "Behaviour",
    "Fault",
    "Request",
    "Rule",
    "ScriptedCall",
    "Standin",
    "StandinOptions",
    "load_script",
    "main",
    "read_file",
]
