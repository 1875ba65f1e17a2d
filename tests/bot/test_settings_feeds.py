"""Addresses of feeds, as a person types them."""

from __future__ import annotations

import pytest

from bot.settings import Settings, SettingsError, load_settings


def loaded(**environ: str) -> Settings:
    return load_settings(environ, {}, require=())


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "ftp://feeds.example/rss",
        "feeds.example/rss",
        "https://",
        "https://feeds.example:99999/rss",
        "https://user:password@feeds.example/rss",
        "https://feeds.example/r ss",
        ",".join(f"https://feeds.example/{n}" for n in range(11)),
        ",",
    ],
)
def test_what_is_no_address_of_a_feed_is_refused_by_name(address: str) -> None:
    with pytest.raises(SettingsError, match="NEWS_FEEDS"):
        loaded(NEWS_FEEDS=address)


def test_several_addresses_with_queries_are_taken_each_once_and_shown_without_them() -> None:
    settings = loaded(
        NEWS_FEEDS="https://a.example/rss?key=hidden, http://127.0.0.1:8/x,http://127.0.0.1:8/x"
    )

    assert settings.news_feeds == ("https://a.example/rss?key=hidden", "http://127.0.0.1:8/x")
    assert "hidden" not in settings.shown("NEWS_FEEDS")


def test_everything_is_off_while_unset() -> None:
    settings = loaded()

    assert (settings.news_feeds, settings.social_feeds, settings.fear_greed_url) == (None, None, None)
    assert settings.news_reader == "auto"


def test_a_reader_that_nobody_knows_is_refused() -> None:
    with pytest.raises(SettingsError, match="NEWS_READER"):
        loaded(NEWS_READER="mistral")
