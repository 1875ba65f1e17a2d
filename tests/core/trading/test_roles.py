"""Votes, vetoes and shadows all the way: from what advisers say to what is sent to the venue."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.advice.verdict import agree
from core.journal import Mode
from core.market import Side
from core.notice import NoticeKind
from core.opinion import Abstention, Decider, Flags, Opinion, Panel, Role, Silence
from core.plan import Plan
from core.risk.planning import draw
from tests.core.builders import (
    NOW,
    PAPER,
    SOL,
    D,
    a_quote,
    a_verdict,
    an_account,
    an_idea,
    an_instrument,
    an_opinion,
    some_limits,
)
from tests.core.trading.test_exit_opinion import holding, next_close
from tests.core.trading.world import World

VOTERS = ("claude", "gpt", "deepseek")


async def sent(
    role: Role = Role.VETO,
    grok: Opinion | Abstention | None = None,
    voters: tuple[str, ...] = VOTERS,
    silent: tuple[Abstention, ...] = (),
) -> tuple[World, Decimal]:
    """A scan in auto where all voters are for a long; the quantity that was entered, 0 for no trade."""
    world = await World(Mode.AUTO).open()
    world.roles = {"grok": role}
    world.panel.sides = {SOL: Side.LONG}
    world.panel.names = voters
    world.panel.abstentions = silent
    if isinstance(grok, Opinion):
        world.panel.names, world.panel.own = (*voters, "grok"), {"grok": grok}
    elif grok is not None:
        world.panel.abstentions = (*silent, grok)
    await world.kernel.engine.scan()
    return world, sum((one.quantity for one in world.venue.entries), D(0))


async def test_a_veto_against_stops_the_trade_and_says_so() -> None:
    world, quantity = await sent(grok=an_opinion("grok", Side.SHORT))

    assert quantity == 0
    _, (decision,) = (await world.journal.last_scan(PAPER))[:2]  # type: ignore[index]
    assert decision.gate == "verdict"
    assert decision.reasons[0] == "Veto of grok: short; hold."


@pytest.mark.parametrize("grok", [an_opinion("grok", None), Abstention("grok", Silence.TIMEOUT, "late")])
async def test_a_veto_that_does_not_agree_halves_what_is_sent(grok: Opinion | Abstention) -> None:
    _, full = await sent(grok=an_opinion("grok", Side.LONG))
    world, halved = await sent(grok=grok)

    assert 0 < halved <= full / 2
    assert halved > full * D("0.45")
    trade = await world.trade()
    assert trade.advisers == VOTERS


async def test_a_shadow_against_changes_nothing_that_is_sent() -> None:
    _, without = await sent(Role.SHADOW)
    world, quantity = await sent(Role.SHADOW, an_opinion("grok", Side.SHORT, stop_atr=9.0, horizon_bars=4))

    assert quantity == without > 0
    assert (await world.trade()).advisers == VOTERS


async def test_a_veto_or_a_shadow_beside_one_voter_makes_no_second_one() -> None:
    for role in (Role.VETO, Role.SHADOW):
        _, quantity = await sent(role, an_opinion("grok", Side.LONG), voters=("claude",))
        assert quantity == 0


async def test_an_invented_answer_stops_what_an_honest_hold_would_have_stopped() -> None:
    invented = Abstention("deepseek", Silence.FABRICATED, "1h.rsi14=99")
    more = Abstention("mistral", Silence.INVALID, "p is 3")

    _, traded = await sent(voters=("claude", "gpt"), silent=(invented,))
    _, stopped = await sent(voters=("claude", "gpt"), silent=(invented, more))

    assert traded > 0
    assert stopped == 0


# ---------------------------------------------------------------- plans

OPINIONS = st.builds(
    lambda side, stop, ratio, bars, confidence: an_opinion(
        "grok",
        side,
        stop_atr=stop if side else None,
        target_atr=stop * ratio if side else None,
        horizon_bars=bars if side else None,
        confidence=confidence,
    ),
    st.sampled_from([None, Side.LONG, Side.SHORT]),
    st.floats(1, 9),
    st.floats(1, 5),
    st.integers(4, 400),
    st.floats(0, 1),
)


def planned(*more: Opinion, role: Role) -> Plan | None:
    """From two voters for a long and `more`; None: no plan."""
    panel = Panel((an_opinion("claude"), an_opinion("gpt"), *more), ())
    verdict = agree(panel, Flags(), Decider.AI, {"grok": role})
    if verdict.stance.side is None:
        return None
    idea = replace(an_idea(), verdict=verdict)
    found = draw(idea, a_quote(100), an_instrument(), an_account(), some_limits(), NOW)
    return replace(found, verdict=None) if isinstance(found, Plan) else None


@given(OPINIONS)
def test_no_shadow_moves_a_figure_of_a_plan(shadow: Opinion) -> None:
    assert planned(shadow, role=Role.SHADOW) == planned(role=Role.SHADOW)


@given(OPINIONS)
def test_no_veto_makes_a_plan_larger_or_riskier(veto: Opinion) -> None:
    without, made = planned(role=Role.VETO), planned(veto, role=Role.VETO)

    assert without is not None
    if made is not None:
        assert made.quantity <= without.quantity
        assert made.loss_at_stop <= without.loss_at_stop
        assert (made.leverage, made.stop) == (without.leverage, without.stop)


@pytest.mark.parametrize("share", [float("nan"), 0.0, -1.0])
def test_a_share_that_is_none_is_no_full_size(share: float) -> None:
    idea = replace(an_idea(), verdict=a_verdict(share=share, cautions=("why",)))
    found = draw(idea, a_quote(100), an_instrument(), an_account(), some_limits(), NOW)

    assert isinstance(found, Plan)
    assert found.quantity == 0


# ---------------------------------------------------------------- notices


async def test_who_was_not_needed_or_not_let_ask_is_no_degraded_adviser() -> None:
    silent = tuple(
        Abstention(name, why, "our choice")
        for name, why in (("a", Silence.NOT_NEEDED), ("b", Silence.BARRED), ("c", Silence.BUDGET))
    )
    world, _ = await sent(silent=(*silent, Abstention("d", Silence.TIMEOUT, "late")))

    assert [facts["silent"] for facts in await world.facts(NoticeKind.AI_DEGRADED)] == [["d: timeout"]]


# ---------------------------------------------------------------- exits


async def test_a_veto_holds_no_exit_up() -> None:
    world = await holding()
    world.roles = {"grok": Role.VETO}
    world.panel.names, world.panel.own = ("claude", "gpt", "grok"), {"grok": an_opinion("grok", Side.LONG)}
    before = (await world.trade()).stop

    await next_close(world)

    assert (await world.trade()).stop > before
