"""Telegram's HTML: what it becomes, and what it is refused for."""

from __future__ import annotations

import pytest

from bot.demo.telegram_errors import ApiError
from bot.demo.telegram_html import MAX_ENTITIES, parse_html, trim, utf16_length, with_automatic


def refusal(markup: str) -> str:
    with pytest.raises(ApiError) as caught:
        parse_html(markup)
    return caught.value.description.removeprefix("Bad Request: can't parse entities: ")


def test_styles_become_entities_and_the_text_loses_its_tags() -> None:
    text, entities = parse_html("<b>Long</b> <i>BTC</i> at <code>100.5</code>")

    assert text == "Long BTC at 100.5"
    assert entities == [
        {"offset": 0, "length": 4, "type": "bold"},
        {"offset": 5, "length": 3, "type": "italic"},
        {"offset": 12, "length": 5, "type": "code"},
    ]


def test_offsets_count_utf16_units() -> None:
    text, entities = parse_html("📈 <b>up</b>")

    assert utf16_length(text) == 5
    assert entities == [{"offset": 3, "length": 2, "type": "bold"}]


@pytest.mark.parametrize(
    ("markup", "kind", "extra"),
    [
        ("<u>x</u>", "underline", {}),
        ("<strike>x</strike>", "strikethrough", {}),
        ("<tg-spoiler>x</tg-spoiler>", "spoiler", {}),
        ('<span class="tg-spoiler">x</span>', "spoiler", {}),
        ("<blockquote>x</blockquote>", "blockquote", {}),
        ("<blockquote expandable>x</blockquote>", "expandable_blockquote", {}),
        ("<pre>x</pre>", "pre", {}),
        ('<pre><code class="language-python">x</code></pre>', "pre", {"language": "python"}),
        (
            '<a href="https://example.org/?a=1&amp;b=2">x</a>',
            "text_link",
            {"url": "https://example.org/?a=1&b=2"},
        ),
        (
            '<tg-time unix="1700000000" format="r">x</tg-time>',
            "date_time",
            {"unix_time": 1700000000, "date_time_format": "r"},
        ),
    ],
)
def test_every_tag_has_its_entity(markup: str, kind: str, extra: dict[str, object]) -> None:
    assert parse_html(markup) == ("x", [{"offset": 0, "length": 1, "type": kind, **extra}])


def test_the_four_named_references_and_numbers_are_decoded_and_others_stay() -> None:
    text, _ = parse_html("&lt;1 &amp; &gt;0 &quot;x&quot; &#8364; &#x20ac; &nbsp; A&B")

    assert text == '<1 & >0 "x" € € &nbsp; A&B'


@pytest.mark.parametrize(
    ("markup", "description"),
    [
        ("é <p>x</p>", 'Unsupported start tag "p" at byte offset 3'),
        ("1 < 2", 'Unsupported start tag "" at byte offset 2'),
        ("<b", "Unclosed start tag at byte offset 0"),
        ("a <2 b> c", 'Unsupported start tag "2" at byte offset 2'),
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b><i>x</b></i>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ('<span class="red">x</span>', 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ('<a href="x>y</a>', "Unclosed start tag at byte offset 0"),
        (
            "<b class>x</b>",
            'Expected equal sign in declaration of an attribute of the tag "b" at byte offset 0',
        ),
        (
            '<tg-time unix="soon">x</tg-time>',
            'Tag "tg-time" must have a valid attribute "unix" at byte offset 0',
        ),
    ],
)
def test_markup_outside_the_dialect_is_refused_with_the_place(markup: str, description: str) -> None:
    assert refusal(markup) == description


def test_code_inside_bold_is_not_bold() -> None:
    text, entities = parse_html("<b>stop <code>99</code> now</b>")

    assert text == "stop 99 now"
    assert [(e["type"], e["offset"], e["length"]) for e in entities] == [
        ("bold", 0, 5),
        ("code", 5, 2),
        ("bold", 7, 4),
    ]


def test_a_link_that_runs_a_script_becomes_plain_text() -> None:
    assert parse_html('<a href="javascript://x.y/%0aalert(1)">x</a>') == ("x", [])


def test_entities_beyond_the_first_hundred_are_dropped() -> None:
    _, entities = parse_html("<b>x</b>y" * (MAX_ENTITIES + 5))

    assert len(entities) == MAX_ENTITIES


def test_surrounding_whitespace_goes_and_entities_move_with_the_text() -> None:
    text, entities = parse_html("\n  <b>x</b>y \n")

    assert trim(text, entities) == ("xy", [{"offset": 0, "length": 1, "type": "bold"}])


def test_commands_addresses_and_tags_are_recognised() -> None:
    found = with_automatic("📈 /why see https://example.org, @someone $BTC #risk a/b", [])

    assert [(e["type"], e["offset"], e["length"]) for e in found] == [
        ("bot_command", 3, 4),
        ("url", 12, 19),
        ("mention", 33, 8),
        ("cashtag", 42, 4),
        ("hashtag", 47, 5),
    ]


def test_nothing_is_recognised_inside_code() -> None:
    text, entities = parse_html("<code>/start $BTC</code>")

    assert with_automatic(text, entities) == entities
