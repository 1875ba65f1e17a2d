"""The settings of the AI advisers: whom to ask, with what key, for how much, in which role."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from bot.settings_dialect import StatedDialect, dialect
from bot.settings_feeds import READERS, feed_address, feed_addresses
from bot.settings_guarding import GuardingSettings
from bot.settings_prices import StatedPrices, model_prices
from bot.settings_spec import setting
from bot.settings_strategies import NONE, strategies
from bot.settings_values import amount, choice, flag, pattern, secret, web_url, whole
from core.opinion import Decider, Role
from core.strategy_use import StrategyPart, StrategyRole

_WEB = web_url("http", "https")

_adviser = partial(setting, "advisers")


def _key(name: str, **more: Any) -> Any:
    return _adviser(
        secret(), None, "key", f"Key of {name}; given, it adds an adviser.", is_secret=True, **more
    )


def _model(name: str, default: str) -> Any:
    kind = pattern(r"[!-~]{1,100}", "a model id without spaces")
    return _adviser(kind, default, "model id", f"Model that {name} is asked for.")


def _endpoint(name: str, default: str) -> Any:
    return _adviser(
        _WEB, default, "URL", f"Where {name} is asked, as its SDK takes it; any compatible server."
    )


def _role(name: str) -> Any:
    meaning = (
        f"What {name}'s answer may do: vote, only refuse or reduce (veto), or be recorded without "
        "effect (shadow)."
    )
    return _adviser(choice(Role), Role.VOTER.value, "", meaning, is_chat_editable=True)


def _dialect(name: str) -> Any:
    meaning = f"What {name}'s endpoint takes where it differs from the built-in table, as JSON."
    return _adviser(dialect(), None, "", meaning, fallback="the built-in table's")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AdviserSettings(GuardingSettings):
    """Everything about models: keys, ids, addresses, dialects, roles, budget, news."""

    anthropic_api_key: str | None = _key("Claude", aliases=("CLAUDE_API_KEY",))
    anthropic_model: str = _model("Claude", "claude-haiku-5-5")
    anthropic_base_url: str = _endpoint("Claude", "https://api.anthropic.com")
    openai_api_key: str | None = _key("GPT")
    openai_model: str = _model("GPT", "gpt-6-luna")
    openai_base_url: str = _endpoint("GPT", "https://api.openai.com/v1")
    xai_api_key: str | None = _key("Grok", aliases=("GROK_API_KEY",))
    xai_model: str = _model("Grok", "grok-4.3")
    xai_base_url: str = _endpoint("Grok", "https://api.x.ai/v1")
    deepseek_api_key: str | None = _key("DeepSeek")
    deepseek_model: str = _model("DeepSeek", "deepseek-flash")
    deepseek_base_url: str = _endpoint("DeepSeek", "https://api.deepseek.com")
    enable_grok: bool = _adviser(flag(), "false", "", "Grok votes only when this is true.")
    decider: Decider = _adviser(
        choice(Decider),
        None,
        "",
        "Whose judgement is the verdict: the advisers', or the rule-based strategy's.",
        fallback="ai with two or more advisers that vote, else rules",
    )
    ai_cache_seconds: int = _adviser(
        whole(0, 86_400), "900", "s", "Longest reuse of an answer to the identical question."
    )
    ai_timeout_seconds: int = _adviser(whole(1, 300), "30", "s", "Longest wait for one answer.")
    ai_max_retries: int = _adviser(whole(1, 10), "3", "tries", "Tries in all, not repeats.")
    ai_deadline_seconds: int = _adviser(
        whole(1, 900), "100", "s", "For all advisers together; who is late abstains."
    )
    ai_daily_budget_usd: Decimal = _adviser(
        amount("0", "1000"),
        "0.50",
        "USD",
        "Most that advisers may cost in a UTC day; then they are silent until 00:00. 0 asks no model.",
        is_chat_editable=True,
    )
    ai_prices: StatedPrices | None = _adviser(
        model_prices(),
        None,
        "USD per 1M tokens",
        "What models cost that the price table does not know; without a price a model is not asked.",
        fallback="the price table's",
    )
    anthropic_role: Role = _role("Claude")
    openai_role: Role = _role("GPT")
    xai_role: Role = _role("Grok")
    deepseek_role: Role = _role("DeepSeek")
    ai_rest_minutes: int = _adviser(
        whole(0, 1_440), "60", "min", "Rest of a provider that reports used-up quota or credit; 0: none."
    )
    anthropic_capabilities: StatedDialect | None = _dialect("Claude")
    openai_capabilities: StatedDialect | None = _dialect("GPT")
    xai_capabilities: StatedDialect | None = _dialect("Grok")
    deepseek_capabilities: StatedDialect | None = _dialect("DeepSeek")
    news_feeds: tuple[str, ...] | None = _adviser(
        feed_addresses(),
        None,
        "URLs",
        "RSS or Atom news feeds; news may only refuse or reduce a trade. Well known are"
        " https://www.coindesk.com/arc/outboundfeeds/rss/, https://cointelegraph.com/rss and"
        " https://decrypt.co/feed.",
    )
    social_feeds: tuple[str, ...] | None = _adviser(
        feed_addresses(),
        None,
        "URLs",
        "Feeds of posts, for how often a coin is named, such as"
        " https://www.reddit.com/r/CryptoCurrency/new/.rss?limit=100.",
    )
    fear_greed_url: str | None = _adviser(
        feed_address(), None, "URL", "Fear & greed index, such as https://api.alternative.me/fng/?limit=1."
    )
    news_reader: str = _adviser(
        choice(READERS),
        "auto",
        "",
        "Provider whose model turns news into enums: auto takes the cheapest with a key, off reads none.",
    )
    strategies: tuple[StrategyPart, ...] = _adviser(
        strategies(files=True),
        NONE,
        "",
        "Strategies in live use: each a name, a timeframe and a share of the capital (equal ones without), "
        "such as trend@1h or trend(fast=12;slow=40)@4h:0.5,breakout@1h:0.3. All together are one voice.",
        is_chat_editable=True,
        chat_kind=strategies(files=False),
    )
    strategy_role: StrategyRole = _adviser(
        choice(StrategyRole),
        StrategyRole.ADVISER.value,
        "",
        "What STRATEGIES do: one more voice beside the models, with which a model has to agree (adviser); "
        "the verdict in place of the rules, with DECIDER=rules (alone); or no effect, recorded (shadow).",
    )
