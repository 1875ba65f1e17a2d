"""Models as advisers: Claude, GPT, Grok and DeepSeek behind the `Adviser` port.

No SDK is imported before the first question: each takes a second or two and tens of MB.
"""

from __future__ import annotations

from core.adapters.advisers.asking import ModelAdviser
from core.adapters.advisers.build import AdviserAccess, build_advisers
from core.adapters.advisers.capabilities import PROVIDERS, Provider
from core.adapters.advisers.line import AdviserLimits, Around

__all__ = [
    "PROVIDERS",
    "AdviserAccess",
    "AdviserLimits",
    "Around",
    "ModelAdviser",
    "Provider",
    "build_advisers",
]
