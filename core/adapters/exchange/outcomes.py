"""What an answer to an order request means, by HTTP status and the venue's own code.

Laws:
- The exception class that ccxt raised is never asked: it picks its table by host name, and files duplicates,
  definitive refusals and unknown executions under the same names.
- REFUSED, THROTTLED and NOT_ALLOWED say: certainly not executed. So they hold listed codes only.
- DONE needs a receipt that names the order which was asked for; a friendly status alone proves nothing.
- Everything else is UNKNOWN: unlisted codes, 5xx, no answer, an answer that can't be read, and a duplicate
  id, which means that an earlier request is alive.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from core.adapters.exchange.calls import SIGNED
from core.ports import Outcome, Result


@dataclass(slots=True)
class Heard:
    """One answer as it came over the wire; `status` None when none came."""

    status: int | None = None
    body: Any = None
    """Parsed JSON; None for anything else."""
    text: str = ""
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class CodeBook:
    """One venue's codes that leave no doubt. `said` reads (code, words) out of a body, innermost first."""

    said: Callable[[Any], tuple[str, str]]
    receipts: Callable[[Any], frozenset[str]]
    """Client and venue ids that a success names."""
    refused: frozenset[str]
    throttled: frozenset[str]
    not_allowed: frozenset[str]
    duplicate: frozenset[str]
    unknown: frozenset[str]
    """Known to prove nothing; written down so that nobody takes them for forgotten."""
    absent: frozenset[str]
    """No order by that id, when it is asked for."""
    as_wanted: frozenset[str]
    """A setting that was so already."""
    clock: frozenset[str]
    """Refused because of our time: it must be measured again."""
    exempt: frozenset[str] = frozenset()
    """Refusals that the venue does not apply to reduce-only orders: closing is still worth trying."""
    rules: frozenset[str] = frozenset()
    """Refusals by tick, lot, smallest or largest order: ours of the instrument may be out of date."""


def sort_answer(book: CodeBook, heard: Heard, wanted: str) -> Outcome:
    """`wanted` is the id, ours or the venue's, that a receipt must name. `order` stays empty."""
    code, words = book.said(heard.body)
    for result, codes in (
        (Result.UNKNOWN, book.duplicate | book.unknown),
        (Result.REFUSED, book.refused),
        (Result.THROTTLED, book.throttled),
        (Result.NOT_ALLOWED, book.not_allowed),
    ):
        if code in codes:
            return Outcome(result, code=code, detail=words)
    if heard.status in (418, 429):
        return Outcome(Result.THROTTLED, code=code or str(heard.status), detail=words or "too many requests")
    if heard.status == 451 or (heard.status == 403 and _REGION.search(heard.text)):
        return Outcome(Result.NOT_ALLOWED, code=str(heard.status), detail="this region is not served")
    if heard.status == 403 and _TOO_FREQUENT.search(heard.text):
        return Outcome(Result.THROTTLED, code="403", detail="this address is banned for asking too often")
    if heard.status == 200 and not code and wanted in book.receipts(heard.body):
        return Outcome(Result.DONE)
    return Outcome(Result.UNKNOWN, code=code or str(heard.status or ""), detail=words or _silence(heard))


def _silence(heard: Heard) -> str:
    if heard.status is None:
        return "no answer"
    return "an answer that names no order" if heard.body is not None else "an answer that can't be read"


_REGION: Final = re.compile(
    r"restricted location|your country|not available in your region|eligibility", re.IGNORECASE
)


_TOO_FREQUENT: Final = re.compile(r"access too frequent", re.IGNORECASE)
"""Bybit's ban of an address, which comes from its gateway and without a code."""


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _words(value: Any) -> str:
    """Without the signed text that Bybit repeats when it refuses a signature: it begins with the key."""
    return " ".join(SIGNED.sub("", str(value or "")).split())[:160]


def _named(row: Any, keys: Iterable[str]) -> frozenset[str]:
    if not isinstance(row, dict):
        return frozenset()
    return frozenset(str(row[key]) for key in keys if row.get(key) not in (None, ""))


def _first(body: Any, key: str) -> Any:
    """The first row of a list under `key`, or None."""
    rows = body.get(key) if isinstance(body, dict) else None
    return rows[0] if isinstance(rows, list) and rows else None


# ---------------------------------------------------------------- Binance USDⓈ-M


def _binance_said(body: Any) -> tuple[str, str]:
    """The algo endpoints put `code: "200"` into a success."""
    if not isinstance(body, dict) or body.get("code") is None:
        return "", ""
    code = str(body["code"])
    return ("" if code in ("0", "200") else code), _words(body.get("msg"))


def _binance_receipts(body: Any) -> frozenset[str]:
    return _named(body, ("clientOrderId", "clientAlgoId", "orderId", "algoId"))


BINANCE: Final = CodeBook(
    said=_binance_said,
    receipts=_binance_receipts,
    refused=_codes(
        "-1013 -1021 -1100 -1101 -1102 -1103 -1104 -1105 -1106 -1108 -1111 -1112 -1114 -1115 -1116 "
        "-1117 -1118 -1119 -1120 -1121 -1127 -1128 -1130 -1136 -2010 -2011 -2012 -2013 -2018 -2019 "
        "-2020 -2021 -2022 -2023 -2024 -2025 -2026 -2027 -2028 -4000 -4001 -4002 -4003 -4004 -4005 "
        "-4006 -4007 -4008 -4009 -4010 -4011 -4012 -4013 -4014 -4015 -4016 -4017 -4018 -4023 -4024 "
        "-4028 -4029 -4030 -4031 -4044 -4045 -4047 -4048 -4055 -4067 -4068 -4082 -4083 -4115 -4118 "
        "-4120 -4129 -4131 -4135 -4137 -4138 -4139 -4140 -4141 -4142 -4144 -4161 -4164 -4183 -4184 -4188 "
        "-5021 -5022 -5024 -5025 -5026 -5027 -5028 -5037 -5038 -5039 -5040 -5041"
    ),
    throttled=_codes("-1003 -1008 -1015"),
    not_allowed=_codes(
        "-1002 -1022 -2014 -2015 -2017 -4061 -4087 -4088 -4109 -4168 -4192 -4202 -4203 -4400 -4401 "
        "-4402 -4403"
    ),
    duplicate=_codes("-4116"),
    unknown=_codes("-1000 -1001 -1006 -1007 -1016"),
    absent=_codes("-2011 -2013"),
    as_wanted=_codes("-4046 -4059 -4171"),
    clock=_codes("-1021 -4188 -5028"),
    exempt=_codes("-1008 -4164 -4400 -4401"),
    rules=_codes("-1013 -1111 -4001 -4002 -4003 -4004 -4005 -4013 -4014 -4023 -4164"),
)


# ---------------------------------------------------------------- Bybit v5


def _bybit_said(body: Any) -> tuple[str, str]:
    if not isinstance(body, dict) or body.get("retCode") is None:
        return "", ""
    code = str(body["retCode"])
    return ("" if code == "0" else code), _words(body.get("retMsg"))


def _bybit_receipts(body: Any) -> frozenset[str]:
    return _named(body.get("result") if isinstance(body, dict) else None, ("orderLinkId", "orderId"))


BYBIT: Final = CodeBook(
    said=_bybit_said,
    receipts=_bybit_receipts,
    refused=_codes(
        "10001 10002 10017 110001 110003 110004 110005 110006 110007 110008 110009 110010 110011 110012 "
        "110013 110014 110015 110016 110017 110018 110019 110020 110021 110022 110023 110024 110028 "
        "110029 110031 110032 110033 110034 110035 110036 110037 110039 110040 110042 110044 110045 "
        "110046 110047 110049 110050 110051 110052 110053 110057 110058 110060 110061 110063 110066 "
        "110070 110092 110093 110094"
    ),
    throttled=_codes("10006 10018 10429"),
    not_allowed=_codes(
        "10003 10004 10005 10007 10008 10009 10010 10020 10024 10027 10028 10029 33004 110038 110067 "
        "110068 110069"
    ),
    duplicate=_codes("10014 110030 110072"),
    unknown=_codes("10000 10016 10019 110079"),
    absent=_codes("110001"),
    as_wanted=_codes("110025 110026 110027 110043"),
    clock=_codes("10002"),
    exempt=_codes("110023 110042"),
    rules=_codes("10001 110003 110017 110094"),
)


# ---------------------------------------------------------------- OKX v5


def _okx_said(body: Any) -> tuple[str, str]:
    """The order's own code stands in its row; the outer one only says that some row failed."""
    if not isinstance(body, dict) or body.get("code") is None:
        return "", ""
    row = _first(body, "data")
    if isinstance(row, dict) and str(row.get("sCode") or "0") != "0":
        return str(row["sCode"]), _words(row.get("sMsg"))
    code = str(body["code"])
    return ("" if code == "0" else code), _words(body.get("msg"))


def _okx_receipts(body: Any) -> frozenset[str]:
    return _named(_first(body, "data"), ("clOrdId", "algoClOrdId", "ordId", "algoId"))


OKX: Final = CodeBook(
    said=_okx_said,
    receipts=_okx_receipts,
    refused=_codes(
        "50000 50002 50006 50014 50015 50016 50017 50018 50019 50020 50021 50022 50023 50024 50025 "
        "50036 50037 50102 50112 50115 51000 51001 51002 51003 51004 51005 51006 51007 51008 51012 "
        "51014 51015 51017 51020 51021 51022 51023 51025 51026 51027 51028 51029 51030 51031 51046 "
        "51047 51051 51100 51101 51102 51103 51104 51105 51106 51107 51108 51109 51110 51112 51115 "
        "51116 51117 51118 51119 51120 51121 51122 51124 51127 51128 51129 51131 51132 51134 51135 "
        "51136 51137 51138 51162 51163 51174 51185 51201 51202 51203 51204 51205 51250 51252 51261 "
        "51275 51276 51277 51278 51279 51280 51400 51401 51402 51403 51404 51405 51407 51408 51603 "
        "51736 51764"
    ),
    throttled=_codes("50011 50061 51113"),
    not_allowed=_codes(
        "50007 50008 50009 50012 50027 50028 50100 50101 50103 50104 50105 50106 50107 50110 50111 "
        "50113 50114 50119 50120 51009 51010 51024 51155"
    ),
    duplicate=_codes("51011 51016 51065"),
    unknown=_codes("50001 50004 50005 50013 50026 51149 51410"),
    absent=_codes("51603"),
    as_wanted=frozenset(),
    clock=_codes("50102 50112"),
    rules=_codes("51006 51020 51121 51202"),
)

BOOKS: Final = {"binanceusdm": BINANCE, "bybit": BYBIT, "okx": OKX}
