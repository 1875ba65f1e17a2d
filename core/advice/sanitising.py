"""Outside text made harmless before anything reads it.

Laws:
- What leaves here is one short line of visible characters: no markup, no control, no invisible sign.
- Text that talks to a machine is dropped whole and counted, never repaired: nobody could say what the rest
  was meant to do. A dropped text can only take a warning away that its own writer wrote.
- Nothing here raises, whatever it is given.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser

MAX_RAW_CHARS = 1_500
"""Of one text as it came: enough markup around the few words that are read on."""
MAX_CHARS = 280
"""Of what is read on: a headline and the beginning of its summary."""
MAX_UNESCAPES = 3
"""Markup hidden behind escapes of escapes is laid open this deep; deeper is dropped."""

HIDDEN_TAGS = frozenset({"script", "style", "template", "noscript", "iframe", "object", "svg"})


@dataclass(frozen=True, slots=True)
class Clean:
    text: str
    """Empty where nothing readable was left."""
    fault: str = ""
    """Why it must not be read: empty, homoglyphs, instruction, encoded, markup; no text: it may be."""

    @property
    def is_readable(self) -> bool:
        return not self.fault


def sanitised(text: str) -> Clean:
    """One line of at most `MAX_CHARS` characters, and whether a reader may see it."""
    plain, is_deep = _laid_open(text[:MAX_RAW_CHARS])
    shown = _one_line(plain)[:MAX_CHARS].rstrip()
    return Clean(shown, "markup" if is_deep else _fault(shown))


def _laid_open(text: str) -> tuple[str, bool]:
    """Without tags and escapes; whether some were still left at the greatest depth."""
    for _ in range(MAX_UNESCAPES):
        opened = unescape(_without_tags(_normal(text)))
        if opened == text:
            return text, False
        text = opened
    return text, _without_tags(text) != text


def _normal(text: str) -> str:
    """NFKC, and without what nobody sees: controls, zero-width and direction marks, surrogates, tags."""
    if text.isascii() and text.isprintable():
        return text
    shown = unicodedata.normalize("NFKC", text)
    return "".join(_visible(mark) for mark in shown)


def _visible(mark: str) -> str:
    if mark.isspace():
        return " "
    kind = unicodedata.category(mark)
    is_hidden = kind[0] == "C" or kind == "Me" or _UNSEEN.match(mark) is not None
    return "" if is_hidden else mark


_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Letters, joiners and selectors that are drawn as nothing."""


def _one_line(text: str) -> str:
    return " ".join(_normal(text).split())


class _Text(HTMLParser):
    """Collects what a page would show."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append(" ")
        if tag in HIDDEN_TAGS:
            self._hidden += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self.parts.append(" ")
        if tag in HIDDEN_TAGS and self._hidden:
            self._hidden -= 1

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def _without_tags(text: str) -> str:
    if "<" not in text:
        return text
    reader = _Text()
    try:
        reader.feed(text)
        reader.close()
    except (AssertionError, ValueError):  # what the library does not understand is no text
        return ""
    return "".join(reader.parts)


def _fault(text: str) -> str:
    if not re.search(r"\w", text):
        return "empty"
    if _ENCODED.search(text):
        return "encoded"
    if any(_mixes_scripts(word) for word in re.findall(r"[^\W\d_]{2,}", text)):
        return "homoglyphs"
    folded = _folded(text)
    seen = (text.casefold(), folded, re.sub(r"[\W_]+", " ", folded))
    if any(form.search(one) for form in _INSTRUCTIONS for one in seen):
        return "instruction"
    return "instruction" if _SPELLED.search(re.sub(r"[\W_]+", "", folded)) else ""


def _mixes_scripts(word: str) -> bool:
    """Latin with Cyrillic or Greek letters inside one word: no language writes so."""
    scripts = {unicodedata.name(mark, "").partition(" ")[0] for mark in word}
    return len(scripts & {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}) > 1


_LIKE_LATIN = str.maketrans(
    "аеорсухіѕјԁһӏқнмтвкԛԝɡıοαερτυνικχ013457@$!|",
    "aeopcyxisjdhlkhmtbkqwgioaeptuvikxoleastasil",
)


def _folded(text: str) -> str:
    """Lower case, accents off, letters and digits that look Latin made Latin: for the search only."""
    plain = "".join(m for m in unicodedata.normalize("NFKD", text) if not unicodedata.combining(m))
    return plain.casefold().translate(_LIKE_LATIN)


_ENCODED = re.compile(
    r"[A-Za-z0-9+/_-]{60,}={0,2}|(?:[0-9a-fA-F]{2}[\s:]?){40,}|(?:\\[ux][0-9a-fA-F]{2,4}){4,}"
)

_WHOM = r"(?:all|any|every|the|your|these|those|previous|prior|earlier|above|preceding|former|other|safety)"
_TOLD = r"(?:instruct\w*|prompt\w*|rules?|guideline\w*|directives?)"
_WHAT = (
    rf"(?:{_TOLD}|directions?|messages?|context|policies|limits?|restrictions?|constraints?|checks?"
    r"|guardrail\w*|stop.?loss\w*|red flags?)"
)
_MACHINE = r"(?:assistant|language model|llm|chatgpt|claude|gpt\w*|grok|deepseek|trading bot|trading model)"
_SAY = r"(?:reply|respond|answer|output|print|return|repeat|emit|classify|label)"
_KEYS = r"(?:severity|confidence|stance|direction|event|leverage|p_target_first|stop_atr|target_atr|side)"
_INSTRUCTIONS = tuple(
    re.compile(form)
    for form in (
        # what speaks to whoever reads, instead of reporting
        r"\b(?:ignore|disregard|forget|overr(?:ide|ule)|bypass|skip|disable|discard)\b"
        rf"(?: \w+){{0,3}}? ?\b{_WHOM}\b(?: \w+){{0,3}}? ?\b{_WHAT}\b",
        rf"\b(?:ignore|disregard|bypass|override)\b(?: \w+){{0,2}}? {_TOLD}\b",
        r"\b(?:system|developer|assistant|admin) ?(?:prompt|message|note|override|instruction|role)",
        r"(?:^|[^\w ]) ?(?:system|assistant|developer|user|human|im_start|im_end|inst) ?(?:[:>\]|]|\|>)",
        r"<\|?\w*\|?>|\[/?(?:inst|sys\w*|im_\w+)|<</?sys|im_start|im_end|endoftext|begin_of_text",
        r"```|~~~|\{\{|\}\}|\{%|\$\{",
        rf"\b(?:you are|you re|act as|pretend|roleplay|behave as)\b (?:now |an? |the )?(?:\w+ )?"
        rf"(?:ai|{_MACHINE}|model|bot|trader|dan|developer|system|adviser|advisor|agent)\b",
        rf"\b(?:as an? (?:ai )?|dear |hey |hello |note to |attention )(?:the |all )?{_MACHINE}\b",
        rf"\b{_SAY}\b(?: \w+){{0,4}}? (?:only|json|exactly|severity|verbatim|the following|confidence)\b",
        r"\b(?:reveal|show|leak|print|repeat|tell)\b(?: \w+){0,3}? (?:prompt|instructions|canary|api key)",
        r"\bcanary (?:token|word|string)|\bjailbreak\w*|\bprompt inject\w*|\bnew instructions?\b",
        r"\bdo anything now\b|\bdeveloper mode\b|\bsystem ?: ",
        rf"[\"'`]{_KEYS}[\"'`] ?[:=]|\b(?:severity|stance|p_target_first|stop_atr|target_atr) ?[:=]"
        r"|\bconfidence ?[:=] ?[01]?\.\d|\bleverage ?[:=] ?\d",
        r"\b(?:raise|lift|increase|set|double|maximi[sz]e|use|remove|ignore)\b(?: \w+){0,3}? "
        r"(?:(?<!market )cap|leverage|position size|risk per trade|risk limit|stop loss|budget|severity)\b",
        r"\b(?:must|should|always|immediately|now)\b (?:\w+ ){0,2}?"
        r"(?:output|go long|go short|be (?:classified|rated|read|treated))\b",
        r"\b(?:vote|choose|pick|execute|place)\b (?:an? |the |all |max\w* |full )?(?:in |now |only )?"
        r"(?:long|short|market order|buy order|sell order)\b",
        r"\b(?:do not|don t|don.t|never)\b (?:\w+ ){0,2}?(?:mention|classify|flag|refuse|veto|obey)\b",
        r"\b(?:items?|texts?|headlines?|lines?|entries) (?:above|below|that follow\w*)\b",
        # the same in some other languages
        r"\b(?:ignora|ignoriere|ignorez|ignorer|ignoruj|negeer|olvida|vergiss|oubliez?|esqueca|dimentica)\b"
        r"(?: \w+){0,4}? (?:instru\w+|anweisung\w*|regel\w*|regles?|regras|consign\w+|istruzion\w+"
        r"|anterior\w*|zasad\w*)",
        r"игнорир|забудь|инструкци|忽略|无视|無視|忘记|指令|システムプロンプト|プロンプト|무시하|지시를",
        r"تجاهل|تعليمات|अनदेखा|निर्देश",
    )
)
"""Searched in the text, in the folded text and there again with all punctuation as spaces."""

_SPELLED = re.compile(
    r"ignore(?:all|any|the|your)?(?:previous|prior|above)|ignor(?:a|e)(?:todas)?las?instruc|systemprompt"
    r"|disregard(?:all|any|the|your|previous|prior)|newinstructions|raisethecap|youarenow(?:a|an|the)"
)
"""Searched in the text without anything but letters and digits: i-g-n-o-r-e."""
