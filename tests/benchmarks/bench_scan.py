"""What a scan costs: its wall time against what cannot be faster, its processor time, the loop's stalls.

Verdicts of ratios are over the fastest of several: whatever else runs on the machine can only add.
"""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.rig import (
    BASE,
    FIFTEEN,
    KEYS,
    TEN,
    Json,
    Observed,
    chat,
    median,
    observed,
    outside,
    show,
    verdict,
)

SCANS = 6
EXCHANGE_S, ADVISER_S = 0.2, 3.0
EXCHANGE_ANSWERS = 2
"""The longest chain: candles before the advisers, a fresh price after them."""
LONGEST_RATIO = 1.25
LONGEST_STALL_MS = 50.0
RIVAL_CPU_MS = 230.0
"""Processor time of freqtrade's scan of ten pairs."""


async def bench_scan_wall_time_against_its_critical_path(tmp_path: Path) -> None:
    world = outside(exchange_s=EXCHANGE_S, fastest_s=ADVISER_S, slowest_s=ADVISER_S)
    async with world as addresses, chat() as telegram:
        settings = BASE | KEYS | addresses | {"TELEGRAM_API_URL": telegram.url, "SYMBOLS": FIFTEEN}
        async with observed(tmp_path, settings) as bot:
            cold = [await _whole_scan(bot, 15, cold=True) for _ in range(SCANS)]
            warm = [await _whole_scan(bot, 15, cold=False) for _ in range(2)]
    path_s = EXCHANGE_ANSWERS * EXCHANGE_S + ADVISER_S
    ratio = min(scan["wall_s"] for scan in cold) / path_s
    again = min(scan["wall_s"] for scan in warm) / (EXCHANGE_S + ADVISER_S)
    show(
        "scan of 15 symbols × 3 timeframes × 4 advisers; "
        f"{EXCHANGE_S} s an exchange answer, {ADVISER_S} s an adviser",
        f"critical path: candles, an adviser, the price a plan is drawn at: {path_s:.1f} s",
        f"nothing known yet: {_walls(cold)}; fastest's ratio {ratio:.2f} (at most {LONGEST_RATIO}), "
        f"{verdict(ratio <= LONGEST_RATIO)}",
        f"candles known:     {_walls(warm)}; fastest's ratio {again:.2f} to an adviser and a price",
    )
    assert ratio <= LONGEST_RATIO


async def bench_event_loop_stall_during_a_scan(tmp_path: Path) -> None:
    async with outside(exchange_s=0.05) as addresses, chat() as telegram:
        settings = BASE | KEYS | addresses | {"TELEGRAM_API_URL": telegram.url, "SYMBOLS": FIFTEEN}
        async with observed(tmp_path, settings) as bot:
            await bot.do("tick")
            idle = (await bot.do("idle", seconds=6))["stalls"]
            stalls = [(await _whole_scan(bot, 15, cold=True))["stalls"] for _ in range(SCANS)]
    worst = max(one["worst_ms"] for one in stalls)
    ours = max(one["computing_ms"] for one in stalls)
    show(
        "event loop: how late a 5 ms timer comes while 15 symbols × 3 timeframes × 4 advisers are scanned",
        f"idle:  worst {idle['worst_ms']:.0f} ms",
        f"scans: worst {worst:.0f} ms (at most {LONGEST_STALL_MS:.0f}), {verdict(worst < LONGEST_STALL_MS)}; "
        f"each scan's worst {_list([one['worst_ms'] for one in stalls])}",
        f"       of it this process was computing at most {ours:.0f} ms, {verdict(ours < LONGEST_STALL_MS)}; "
        "the rest is the machine's other work",
    )


async def bench_processor_time_of_a_scan_without_models(tmp_path: Path) -> None:
    async with outside() as addresses, chat() as telegram:
        settings = BASE | addresses | {"TELEGRAM_API_URL": telegram.url, "SYMBOLS": TEN, "DECIDER": "rules"}
        async with observed(tmp_path, settings) as bot:
            idle = await bot.do("idle", seconds=4)
            cold = [await _whole_scan(bot, 10, cold=True, per_symbol=1) for _ in range(SCANS)]
            warm = [await _whole_scan(bot, 10, cold=False, per_symbol=1) for _ in range(SCANS)]
    fresh, usual = min(_cpu_ms(cold)), median(_cpu_ms(cold))
    again = min(_cpu_ms(warm))
    show(
        "processor time of a scan of 10 symbols, rules decide",
        f"nothing known yet (30 series of 400 candles read): least {fresh:.0f} ms, median {usual:.0f} ms; "
        f"least against freqtrade's {RIVAL_CPU_MS:.0f} ms: ratio {fresh / RIVAL_CPU_MS:.2f}, "
        f"{verdict(fresh < RIVAL_CPU_MS)}",
        f"candles known: least {again:.0f} ms",
        f"idle: {idle['cpu_s'] / 4 * 1000:.0f} ms a second",
    )


async def _whole_scan(bot: Observed, symbols: int, cold: bool, per_symbol: int = 4) -> Json:
    """One scan in which every adviser answered about every symbol."""
    scan = await bot.do("scan", cold=cold)
    assert scan["opinions"] == symbols * per_symbol, scan
    return scan


def _cpu_ms(scans: list[Json]) -> list[float]:
    return [scan["cpu_s"] * 1000 for scan in scans]


def _walls(scans: list[Json]) -> str:
    walls = sorted(scan["wall_s"] for scan in scans)
    return f"{walls[0]:.2f} to {walls[-1]:.2f} s, median {median(walls):.2f} s"


def _list(figures: list[float]) -> str:
    return " ".join(f"{figure:.0f}" for figure in sorted(figures))
