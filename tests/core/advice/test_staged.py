"""Asking in stages: nobody is asked whose answer can't matter, and nobody who could turn it is left out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.advice.brief import write_brief
from core.advice.staged import FREE, Cost, StagedPanel, Ways, can_be_side, roles_in_effect
from core.advice.verdict import RULES_NAME, agree
from core.opinion import (
    Abstention,
    Brief,
    Decider,
    Flags,
    Opinion,
    Panel,
    Purpose,
    Role,
    Silence,
    Stance,
)
from core.strategy_use import NO_STRATEGIES, Strategies, StrategyPart, StrategyRole
from tests.core.advice.pictures import TERMS, candles, features, opinion
from tests.core.advice.test_panel import HandClock

Answer = Opinion | Abstention
SAID = ("long", "short", "hold", "silent", "broken")
CHEAP = {"haiku": "0.50", "luna": "0.51", "flash": "0.60"}
DEAR = {"grok": "2.5", "sonnet": "10"}
COSTS = {name: Cost(True, Decimal(usd)) for name, usd in CHEAP.items()} | {
    name: Cost(False, Decimal(usd)) for name, usd in DEAR.items()
}
BRIEF = write_brief(features(), candles(), TERMS)


def answer(name: str, said: str) -> Answer:
    if said == "silent":
        return Abstention(name, Silence.TIMEOUT, "")
    return Abstention(name, Silence.INVALID, "") if said == "broken" else opinion(name, said)


class Says:
    def __init__(self, name: str, said: str, asked: list[str]) -> None:
        self.name = name
        self._said = said
        self._asked = asked

    async def ask(self, brief: Brief, deadline_s: float) -> Answer:
        self._asked.append(self.name)
        await asyncio.sleep(0)
        return answer(self.name, self._said)


async def ask(
    said: Mapping[str, str],
    purpose: Purpose = Purpose.ENTRY,
    roles: Mapping[str, Role] | None = None,
    decider: Decider = Decider.AI,
    strategies: Strategies = NO_STRATEGIES,
) -> tuple[list[str], Panel]:
    """Who was asked, in this order, and what came of it."""
    asked: list[str] = []
    advisers = [Says(name, what, asked) for name, what in said.items()]
    ways = Ways(decider, roles or {}, strategies)
    panel = StagedPanel(advisers, HandClock(), 100, COSTS | {RULES_NAME: FREE}, lambda: ways)
    opinions, abstentions = await panel.ask(replace(BRIEF, purpose=purpose))
    assert {a.adviser for a in (*opinions, *abstentions)} == set(said)
    return asked, Panel(opinions, abstentions)


def unneeded(panel: Panel) -> set[str]:
    return {one.adviser for one in panel.abstentions if one.why is Silence.NOT_NEEDED}


async def test_two_holds_end_it_before_the_third_and_the_dear_one_are_asked() -> None:
    said = {"grok": "long", "flash": "long", "haiku": "hold", "luna": "hold"}

    asked, panel = await ask(said)

    assert asked == ["haiku", "luna"]
    assert unneeded(panel) == {"flash", "grok"}


async def test_an_even_pair_is_decided_by_the_third() -> None:
    asked, panel = await ask({"haiku": "long", "luna": "hold", "flash": "hold", "grok": "long"})

    assert asked == ["haiku", "luna", "flash"]
    assert unneeded(panel) == {"grok"}


async def test_what_survives_the_cheap_ones_is_put_to_the_dear_one() -> None:
    asked, panel = await ask({"haiku": "long", "luna": "hold", "flash": "long", "grok": "hold"})

    assert asked == ["haiku", "luna", "flash", "grok"]
    assert not unneeded(panel)


async def test_dear_ones_are_not_asked_where_the_only_cheap_one_holds() -> None:
    asked, panel = await ask({"haiku": "hold", "grok": "long", "sonnet": "long"})

    assert asked == ["haiku"]
    assert unneeded(panel) == {"grok", "sonnet"}


async def test_dear_ones_are_asked_where_no_cheap_one_answers() -> None:
    asked, _ = await ask({"haiku": "silent", "grok": "long", "sonnet": "long"})

    assert asked == ["haiku", "grok", "sonnet"]


TREND = "strategy-trend@1h"


def use(role: StrategyRole = StrategyRole.ADVISER) -> Strategies:
    return Strategies(role, (StrategyPart(TREND, "trend", (), "1h", Decimal(1)),))


async def test_a_strategy_that_holds_spares_no_model_its_question() -> None:
    """It holds at nearly every close: only what models say may end the asking of models."""
    asked, _ = await ask({"sonnet": "long", "grok": "long", TREND: "hold"}, strategies=use())

    assert asked == [TREND, "grok", "sonnet"]


async def test_a_strategy_is_no_second_voter_of_the_first_round() -> None:
    said = {"haiku": "long", "luna": "long", "flash": "long", TREND: "long"}

    asked, panel = await ask(said, strategies=use())

    assert asked == [TREND, "haiku", "luna", "flash"]
    assert not unneeded(panel)


async def test_strategies_alone_are_asked_and_models_are_only_recorded() -> None:
    said = {"haiku": "long", "grok": "long", TREND: "hold"}

    asked, panel = await ask(said, decider=Decider.RULES, strategies=use(StrategyRole.ALONE))

    assert asked == [TREND, "haiku"]
    assert unneeded(panel) == {"grok"}


async def test_strategies_are_asked_about_an_open_trade() -> None:
    asked, _ = await ask({"haiku": "short", TREND: "short"}, Purpose.EXIT, strategies=use())

    assert asked == [TREND, "haiku"]


async def test_a_person_who_looks_hears_everybody() -> None:
    said = {"haiku": "hold", "luna": "hold", "flash": "hold", "grok": "hold"}

    asked, panel = await ask(said, Purpose.LOOK, roles={"grok": Role.SHADOW})

    assert sorted(asked) == sorted(said)
    assert not panel.abstentions


async def test_an_open_trade_is_judged_by_cheap_voters_alone() -> None:
    said = {"haiku": "short", "luna": "short", "flash": "short", "grok": "short"}

    asked, panel = await ask(said, Purpose.EXIT, roles={"flash": Role.VETO})

    assert asked == ["haiku", "luna"]
    assert unneeded(panel) == {"flash", "grok"}


async def test_a_veto_is_asked_only_where_the_voters_lean_to_a_side() -> None:
    roles = {"grok": Role.VETO}

    quiet, _ = await ask({"haiku": "hold", "luna": "hold", "grok": "short"}, roles=roles)
    asked, panel = await ask({"haiku": "long", "luna": "long", "grok": "short"}, roles=roles)

    assert quiet == ["haiku", "luna"]
    assert asked == ["haiku", "luna", "grok"]
    assert agree(panel, Flags(), Decider.AI, roles).stance is Stance.HOLD


async def test_a_cheap_shadow_is_heard_always_and_a_dear_one_about_survivors() -> None:
    roles = {"flash": Role.SHADOW, "sonnet": Role.SHADOW}
    quiet = {"haiku": "hold", "luna": "hold", "flash": "long", "sonnet": "long"}

    asked, _ = await ask(quiet, roles=roles)
    leaning, _ = await ask(quiet | {"haiku": "long", "luna": "long"}, roles=roles)

    assert asked == ["haiku", "luna", "flash"]
    assert leaning == ["haiku", "luna", "flash", "sonnet"]


async def test_where_rules_decide_models_are_heard_for_the_record_only() -> None:
    said = {"grok": "long", "haiku": "long", RULES_NAME: "hold"}

    asked, _ = await ask(said, decider=Decider.RULES)

    assert asked == [RULES_NAME, "haiku"]


async def test_whoever_has_no_time_left_is_late() -> None:
    clock = HandClock()

    class Slow(Says):
        async def ask(self, brief: Brief, deadline_s: float) -> Answer:
            clock.seconds += 60
            return await super().ask(brief, deadline_s)

    asked: list[str] = []
    advisers = [Slow(name, "long", asked) for name in ("haiku", "luna", "flash")]
    panel = StagedPanel(advisers, clock, 100, COSTS, lambda: Ways(Decider.AI, {}))

    _, abstentions = await panel.ask(BRIEF)

    assert asked == ["haiku", "luna"]
    assert [(one.adviser, one.why) for one in abstentions] == [("flash", Silence.DEADLINE)]


async def test_a_listener_hears_each_stage_and_a_broken_one_harms_nobody() -> None:
    heard: list[str] = []

    async def listen(one: Answer) -> None:
        heard.append(one.adviser)
        raise ValueError("the chat is gone")

    advisers = [Says(name, "long", []) for name in ("haiku", "luna", "flash")]
    panel = StagedPanel(advisers, HandClock(), 100, COSTS, lambda: Ways(Decider.AI, {}))

    opinions, _ = await panel.ask(BRIEF, listen)

    assert len(opinions) == 3
    assert sorted(heard) == ["flash", "haiku", "luna"]


async def test_a_question_that_is_given_up_leaves_nothing_running() -> None:
    before = asyncio.all_tasks()

    class Hangs(Says):
        async def ask(self, brief: Brief, deadline_s: float) -> Answer:
            await asyncio.Event().wait()
            raise AssertionError

    panel = StagedPanel([Hangs("haiku", "", [])], HandClock(), 100, COSTS, lambda: Ways(Decider.AI, {}))
    asking = asyncio.create_task(panel.ask(BRIEF))
    await asyncio.sleep(0)

    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
    assert asyncio.all_tasks() <= before | {asyncio.current_task()}


@given(
    said=st.lists(st.sampled_from(SAID), max_size=4),
    unheard=st.integers(0, 3),
    purpose=st.sampled_from([Purpose.ENTRY, Purpose.EXIT]),
    silent_roles=st.lists(st.sampled_from(list(Role)), min_size=7, max_size=7),
)
def test_asking_stops_exactly_when_no_answers_to_come_make_a_side(
    said: list[str], unheard: int, purpose: Purpose, silent_roles: list[Role]
) -> None:
    names = [f"a{place}" for place in range(len(said) + unheard)]
    roles = dict(zip(names, silent_roles, strict=False))
    ways = Ways(Decider.AI, roles)
    known = {name: answer(name, what) for name, what in zip(names, said, strict=False)}
    voters = [name for name in names[len(said) :] if roles[name] is Role.VOTER]
    effective = roles_in_effect(names, ways, purpose)

    possible = can_be_side(known, voters, effective, ways, purpose)

    heard = [one for name, one in known.items() if roles[name] is Role.VOTER]
    assert possible == any(
        is_side([*heard, *(answer(n, w) for n, w in zip(voters, words, strict=True))], ways, purpose)
        for words in product(SAID, repeat=len(voters))
    )


def is_side(answers: list[Answer], ways: Ways, purpose: Purpose) -> bool:
    opinions = tuple(one for one in answers if isinstance(one, Opinion))
    silent = tuple(one for one in answers if isinstance(one, Abstention))
    verdict = agree(Panel(opinions, silent), Flags(), ways.decider, ways.roles, purpose)
    return verdict.stance is not Stance.HOLD


@given(st.fixed_dictionaries(dict.fromkeys(CHEAP, st.sampled_from(SAID))))
def test_stages_never_change_what_cheap_voters_decide(said: dict[str, str]) -> None:
    _, panel = asyncio.run(ask(said))
    everybody = Panel(
        tuple(one for n, w in said.items() if isinstance(one := answer(n, w), Opinion)),
        tuple(one for n, w in said.items() if isinstance(one := answer(n, w), Abstention)),
    )

    staged, whole = agree(panel, Flags(), Decider.AI), agree(everybody, Flags(), Decider.AI)

    assert staged.stance is whole.stance
    assert staged.stance is Stance.HOLD or staged.confidence == whole.confidence
