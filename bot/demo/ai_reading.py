"""How the AI stand-ins sort headlines: by a few words, and nothing but the words of the question."""

from __future__ import annotations

import json
import re
from typing import Any

Json = dict[str, Any]

RULES = (
    (r"hack|exploit|stolen|drained", "hack", "down", 3),
    (r"delist", "delisting", "down", 3),
    (r"outage|halts? (withdrawals|trading)|network stops", "outage", "down", 2),
    (r"lawsuit|sues|charges", "legal", "down", 2),
    (r"regulat", "regulation", "mixed", 1),
    (r"rates?|inflation|cpi", "macro", "mixed", 1),
    (r"lists|listing", "listing", "up", 1),
    (r"upgrade|release", "upgrade", "up", 1),
    (r"adopts|partners|treasury", "adoption", "up", 1),
)


def read_items(question: str) -> Json | None:
    """Readings of the question's items in the asked form; None where it holds no items."""
    if not question.startswith('{"items":'):
        return None
    try:
        items = json.loads(question)["items"]
        return {"items": [_reading(str(item["id"]), str(item["text"]).lower()) for item in items]}
    except (ValueError, LookupError, TypeError):
        return None


def _reading(number: str, text: str) -> Json:
    for form, event, direction, severity in RULES:
        if re.search(rf"\b(?:{form})", text):
            return {"id": number, "event": event, "direction": direction, "severity": severity}
    crowd = (
        "up"
        if re.search(r"moon|buy|bull", text)
        else "down"
        if re.search(r"dump|sell|bear", text)
        else "none"
    )
    return {"id": number, "event": "none", "direction": crowd, "severity": 0}
