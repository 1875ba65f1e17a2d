"""AI_PRICES: what a person states that models cost."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.doctor import budget_lines
from bot.settings import load_settings
from bot.settings_prices import MAX_MODELS, model_prices
from core.spending import Price

KIND = model_prices()
PRICES = st.builds(Price, *(st.decimals("0", "10000", places=4) for _ in range(3)))


@pytest.mark.parametrize(
    "text",
    [
        "my-model",
        "my-model=1/2",
        "my-model=1/2/3/4",
        "my-model=1/-2/3",
        "my-model=1/2/1e5",
        "my-model=1/2/99999",
        "my-model=1/2/.",
        "=1/2/3",
        "a b=1/2/3",
        "a=1/2/3,a=1/2/3",
        ",".join(f"m{n}=1/2/3" for n in range(MAX_MODELS + 1)),
    ],
)
def test_what_is_no_table_of_prices_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must|has a price|names a model"):
        KIND.read(text)


def test_models_are_read_with_their_three_prices() -> None:
    read = KIND.read("org/llama-3:8b=0.1/0.5/0.01, b=1/2/0")

    assert read == (
        ("org/llama-3:8b", Price(Decimal("0.1"), Decimal("0.5"), Decimal("0.01"))),
        ("b", Price(Decimal(1), Decimal(2), Decimal(0))),
    )


@given(st.dictionaries(st.from_regex(r"[a-z0-9:/.-]{1,20}", fullmatch=True), PRICES, max_size=5))
def test_reading_what_was_written_gives_the_same_prices(stated: dict[str, Price]) -> None:
    assert KIND.read(KIND.write(tuple(stated.items()))) == tuple(stated.items())


def test_the_doctor_warns_of_a_month_that_costs_more_than_a_tenth_of_the_capital() -> None:
    settings = load_settings({"OPENAI_API_KEY": "sk-" + "k" * 20})

    (warned,), (fine,) = budget_lines(settings, Decimal(100)), budget_lines(settings, Decimal(150))

    assert (warned.is_ok, warned.is_needed, fine.is_ok) == (False, False, True)
    assert "15.00 USD, more than 10%" in warned.text
    assert warned.mend.startswith("AI_DAILY_BUDGET_USD=0.33")


def test_without_advisers_the_doctor_says_nothing_of_their_budget() -> None:
    assert budget_lines(load_settings({}), Decimal(100)) == []
