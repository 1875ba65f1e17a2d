"""What the owner may say of a provider's dialect, and what is refused with one sentence."""

from __future__ import annotations

import contextlib
import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.advice.dialect import FIELDS, AnswerForm, read_dialect

KEY = "sk-0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must be one JSON object"),
        ("[]", "must be one JSON object"),
        ('{"max_tokens":1000', "must be one JSON object"),
        ("[" * 1_400, "must be one JSON object"),
        ('{"max_token":1000}', 'knows no field "max_token"; it may name max_tokens_parameter'),
        (json.dumps({KEY: 1}), "knows no field of that name"),
        ('{"max_tokens":1000,"max_tokens":2000}', "must not name a field twice"),
        ('{"max_tokens":NaN}', "must not hold NaN"),
        ('{"max_tokens":true}', "must give max_tokens as a whole number from 256 to 20000"),
        ('{"max_tokens":255}', "must give max_tokens"),
        ('{"max_tokens":20001}', "must give max_tokens"),
        ('{"max_tokens":"1000"}', "must give max_tokens"),
        ('{"max_tokens_parameter":"stream"}', "must give max_tokens_parameter as one of"),
        ('{"answer_form":"tool"}', "must give answer_form as one of 'json_schema', 'json_object', 'text'"),
        ('{"effort":3}', "must give effort as one of"),
        ('{"prompt_cache_key":"yes"}', "must give prompt_cache_key as true or false"),
        ('{"cache_ttl":"1d"}', "must give cache_ttl as one of"),
        ('{"cached_tokens_field":"a..b"}', "must give cached_tokens_field as the name of a field"),
        ('{"cost_unit_usd":1e-10}', "must give cost_unit_usd as text of a number"),
        ('{"cost_unit_usd":"2"}', "must give cost_unit_usd"),
        ('{"cost_unit_usd":"nan"}', "must give cost_unit_usd"),
        ('{"retires":"soon"}', "must give retires as a day"),
        ('{"extra":[]}', "must give extra as an object"),
        ('{"extra":{"model":"x"}}', 'must not set "model" in extra: the bot writes it itself'),
        ('{"extra":{"n":2}}', 'must not set "n" in extra'),
        ('{"extra":{"max_tokens":90000}}', 'must not set "max_tokens" in extra'),
        ('{"extra":{"service_tier":"priority"}}', 'must not set "service_tier" in extra: the budget'),
        ('{"extra":{"search_parameters":{"mode":"on"}}}', 'must not set "search_parameters" in extra'),
        ('{"extra":{"api_key":"x"}}', "must hold no secret"),
        ('{"extra":{"a":{"Authorization":"x"}}}', "must hold no secret"),
        (json.dumps({"extra": {"user": KEY}}), "must hold no secret"),
        (json.dumps({"extra": {"user": [{"a": KEY}]}}), "must hold no secret"),
        ('{"extra":{"a":{"a":{"a":{"a":{"a":1}}}}}}', "must not nest deeper than 4 levels"),
        ('{"extra":{"a":"' + "b " * 800 + '"}}', "must be at most 1500 characters"),
    ],
)
def test_what_is_no_dialect_is_refused_with_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        read_dialect(text)

    assert sentence in str(refused.value)
    assert KEY not in str(refused.value)


def test_every_field_is_read_as_its_type() -> None:
    fields = read_dialect(
        '{"max_tokens_parameter":"max_tokens","max_tokens":900,"answer_form":"text","effort":"",'
        '"prompt_cache_key":false,"cache_ttl":"5m","cached_tokens_field":"a.b","cost_field":"c",'
        '"cost_unit_usd":"1e-10","retires":"2026-12-31","extra":{"thinking":{"type":"disabled"}}}'
    )

    assert fields["answer_form"] is AnswerForm.TEXT
    assert (fields["cost_unit_usd"], fields["retires"]) == (Decimal("1e-10"), date(2026, 12, 31))
    assert (fields["max_tokens"], fields["extra"]) == (900, {"thinking": {"type": "disabled"}})


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
)


@given(ANYTHING)
def test_nothing_but_a_value_error_ever_comes_of_any_text(value: object) -> None:
    for text in (json.dumps(value), json.dumps({"extra": value}), str(value)):
        with contextlib.suppress(ValueError):
            assert set(read_dialect(text)) <= set(FIELDS)
