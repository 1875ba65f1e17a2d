"""Market, limits, sockets and Telegram: what is not known is not traded on, and guarding waits for nobody."""

from __future__ import annotations

from tests.faults_row import Row

OUTSIDE = (
    Row(
        "B-61",
        "the newest candles are old",
        (
            "tests/adapters/exchange/test_candles.py::test_candles_that_stopped_are_stale",
            "tests/core/risk/test_checks.py::test_old_candles_and_unfinished_ones_are_refused",
            "tests/adapters/exchange/test_stand_in.py::test_a_frozen_market_is_stale",
        ),
    ),
    Row(
        "B-62",
        "a candle is missing",
        (
            "tests/adapters/exchange/test_candles.py::test_a_gap_is_an_error_that_names_symbol_timeframe_and_place",
            "tests/adapters/exchange/test_candles.py::test_a_hole_in_the_tail_is_read_again_before_it_is_an_error",
            "tests/adapters/exchange/test_stand_in.py::test_a_hole_in_the_candles_is_found",
        ),
    ),
    Row(
        "B-63",
        "candles or trades come twice or out of order",
        (
            "tests/adapters/exchange/test_candles.py::test_one_impossible_value_spoils_the_whole_answer",
            "tests/adapters/exchange/test_streams_feeds.py::test_a_late_or_repeated_price_is_not_told",
            "tests/adapters/exchange/test_venue_binance_rows.py::test_more_trades_than_one_page_are_all_read_once",
        ),
    ),
    Row(
        "B-64",
        "a price or figure that is no number",
        (
            "tests/core/risk/test_checks.py::test_what_is_no_number_is_refused_wherever_it_hides",
            "tests/core/risk/test_planning.py::test_what_is_no_sane_number_is_drawn_without_raising_and_refused",
            "tests/adapters/exchange/test_prices.py::test_a_price_that_cannot_be_is_an_error_not_a_number",
            "tests/adapters/exchange/test_candles.py::test_one_impossible_value_spoils_the_whole_answer",
        ),
    ),
    Row(
        "B-65",
        "one price far off all others",
        (
            "tests/adapters/exchange/test_prices.py::test_a_price_that_cannot_be_is_an_error_not_a_number",
            "tests/adapters/exchange/test_other_venues.py::test_okx_far_off_marks_are_refused",
            "tests/core/risk/test_checks.py::test_a_wide_spread_is_refused",
        ),
    ),
    Row(
        "B-66",
        "the bar that has not closed yet is read",
        (
            "tests/adapters/exchange/test_candles.py::test_only_closed_candles_come_oldest_first",
            "tests/adapters/exchange/test_candles.py::test_a_bar_that_our_fast_clock_calls_closed_is_open_by_the_venue",
            "tests/core/sim/test_history.py::test_no_candle_is_shown_before_it_has_closed",
            "tests/core/analysis/test_features.py::test_bars_that_come_later_change_nothing",
        ),
    ),
    Row(
        "B-67",
        "the exchange is under maintenance",
        (
            "tests/adapters/exchange/test_calls.py::test_an_answer_that_is_none_is_asked_for_again",
            "tests/adapters/exchange/test_calls.py::test_html_with_status_200_is_unknown_in_the_end",
            "tests/end_to_end/test_outside_faults.py::test_an_exchange_that_fails_refuses_entries_and_recovers",
            "tests/end_to_end/test_outside_faults.py::test_a_start_without_an_exchange_is_degraded_and_mends_itself",
            "tests/core/trading/test_exchange_watches.py::test_an_exchange_in_maintenance_is_one_reason_for_all_connections",
            "tests/live/test_faults.py::test_the_bot_survives",
        ),
    ),
    Row(
        "B-68",
        "a symbol is delisted",
        (
            "tests/adapters/exchange/test_instruments.py::test_a_perpetual_that_is_being_delisted_is_not_active",
            "tests/core/trading/test_screen.py::test_an_inactive_symbol_is_named",
            "tests/core/sim/test_venue_orders.py::test_a_delisted_instrument_can_be_closed_but_not_opened",
            "tests/demo/test_exchange_codes.py::test_a_delisted_symbol_can_only_be_left",
            "tests/core/trading/test_delisting.py::test_a_held_position_is_closed_a_day_before_the_end",
            "tests/core/trading/test_delisting.py::test_the_owner_hears_once_of_a_held_symbol_that_is_to_end_also_over_a_restart",
        ),
    ),
    Row(
        "B-69",
        "our clock and the venue's disagree",
        (
            "tests/adapters/exchange/test_venue_binance.py::test_the_clock_is_measured_and_corrects_what_is_signed",
            "tests/adapters/exchange/test_venue_binance.py::test_a_request_refused_for_its_time_has_the_clock_measured",
            "tests/demo/test_bybit_failing.py::test_a_wrong_clock_is_refused_measured_and_right_the_next_time",
            "tests/core/trading/test_clock_set_back.py::test_an_entry_of_the_future_is_neither_dead_nor_sent_again",
            "tests/core/trading/test_exchange_watches.py::test_a_clock_that_is_off_old_or_unknown_opens_nothing",
            "tests/core/trading/test_exchange_watches.py::test_a_clock_half_a_second_off_is_told_once_an_episode",
        ),
    ),
    Row(
        "B-70",
        "summer time, a local zone or a clock that is set",
        (
            "tests/simulation/test_time_zones.py::test_another_time_zone_replays_a_seed_to_the_same_trace",
            "tests/test_architecture.py::test_core_outside_adapters_has_no_clock_no_dice_and_no_window_to_the_world",
            "tests/core/risk/test_reopening.py::test_the_days_breaker_reopens_at_the_next_midnight_utc_and_at_no_other",
            "tests/core/trading/test_looking.py::test_an_order_is_watched_by_a_clock_that_nobody_sets",
        ),
    ),
    Row(
        "B-71",
        "a name or a contract size is misread",
        (
            "tests/adapters/exchange/test_venue_okx.py::test_an_entry_is_counted_in_contracts_and_brings_its_stop",
            "tests/adapters/exchange/test_venue_okx.py::test_without_contract_sizes_nothing_is_sent",
            "tests/adapters/exchange/test_instruments.py::test_what_is_no_usdt_perpetual_is_not_listed",
            "tests/core/trading/test_invariants.py::test_more_than_was_planned_is_a_violation",
        ),
    ),
    Row(
        "B-72",
        "too many requests, and then a ban",
        (
            "tests/adapters/exchange/test_venue_faults.py::test_a_ban_is_obeyed_by_entries_and_reading_but_not_by_protection",
            "tests/adapters/exchange/test_calls.py::test_a_429_silences_all_scanning_until_the_venue_listens_again",
            "tests/adapters/exchange/test_calls.py::test_a_ban_holds_until_its_end_but_guarding_still_asks",
            "tests/adapters/exchange/test_budget.py::test_scanning_never_spends_the_reserve",
            "tests/live/test_faults.py::test_the_bot_survives",
        ),
    ),
    Row(
        "B-73",
        "an adviser's provider is overloaded",
        (
            "tests/adapters/advisers/test_models.py::test_a_fault_abstains_after_an_exact_number_of_requests",
            "tests/adapters/advisers/test_models.py::test_a_wait_that_would_pass_the_deadline_is_not_begun",
            "tests/adapters/advisers/test_models.py::test_a_longer_retry_after_is_waited_for",
        ),
    ),
    Row(
        "B-74",
        "Telegram asks for silence",
        (
            "tests/bot/test_outbox.py::test_a_flood_limit_is_waited_out_and_not_marked",
            "tests/end_to_end/test_telegram_outage.py::test_a_flood_limit_is_sat_out_and_nothing_is_told_twice",
            "tests/end_to_end/test_telegram_outage.py::test_an_outage_delays_alerts_and_nothing_else",
        ),
    ),
    Row(
        "B-75",
        "a socket is open and says nothing",
        (
            "tests/adapters/exchange/test_streams.py::test_a_silent_price_stream_is_noticed_dialled_again_and_heard_again",
            "tests/adapters/exchange/test_streams.py::test_an_account_stream_that_misses_an_order_is_replaced",
            "tests/adapters/exchange/test_streams.py::test_a_price_stream_that_repeats_one_moment_is_silent",
            "tests/adapters/exchange/test_streams_client.py::test_a_connection_without_pongs_is_replaced_and_still_closes_in_time",
            "tests/live/test_streams.py::test_a_silent_account_stream_is_noticed_while_looking_goes_on",
        ),
    ),
    Row(
        "B-76",
        "the key of the account's stream ends",
        (
            "tests/adapters/exchange/test_streams.py::test_an_expired_listen_key_is_replaced_at_once",
            "tests/adapters/exchange/test_streams.py::test_a_listen_key_that_ended_unsaid_is_noticed_at_its_renewal",
            "tests/adapters/exchange/test_streams.py::test_a_renewal_without_an_answer_is_tried_again_and_loses_nothing",
        ),
    ),
    Row(
        "B-77",
        "events are lost, repeated or out of order",
        (
            "tests/adapters/exchange/test_streams.py::test_repeated_and_reordered_events_are_only_more_hints",
            "tests/adapters/exchange/test_streams.py::test_an_account_stream_that_misses_an_order_is_replaced",
            "tests/db/test_journal_booking.py::test_fills_and_funding_are_imported_once_by_id",
            "tests/core/trading/test_booking.py::test_what_left_beyond_the_position_is_not_counted",
            "tests/live/test_streams.py::test_repeated_reordered_and_late_events_change_nothing",
        ),
    ),
    Row(
        "B-78",
        "a long task dies and nobody notices",
        (
            "tests/bot/test_supervisor.py::test_whatever_ends_a_pass_closes_entries_is_told_and_the_task_lives_on",
            "tests/bot/test_supervisor.py::test_a_task_ended_from_outside_closes_entries",
            "tests/bot/test_vitals.py::test_a_loop_whose_last_pass_failed_is_not_running",
        ),
    ),
    Row(
        "B-79",
        "one call that never returns holds a loop up",
        (
            "tests/bot/test_supervisor.py::test_a_hung_pass_is_given_up_and_begun_again",
            "tests/bot/test_supervisor.py::test_every_loop_has_a_time_limit",
            "tests/adapters/exchange/test_calls.py::test_a_silent_venue_is_given_up_at_the_deadline",
            "tests/adapters/exchange/test_calls.py::test_guarding_does_not_wait_behind_a_scan_that_hangs",
        ),
    ),
    Row(
        "B-80",
        "a button is tapped twice",
        (
            "tests/core/trading/test_approvals.py::test_two_taps_at_once_are_one_order",
            "tests/end_to_end/test_cards.py::test_two_fast_taps_and_one_delivered_again_are_one_order",
            "tests/db/test_journal_desk.py::test_of_twenty_taps_at_once_on_four_bots_one_gets_the_card",
            "tests/db/test_journal_outbox.py::test_of_twenty_taps_at_once_one_takes_the_button_and_its_group",
        ),
    ),
    Row(
        "B-81",
        "an answer comes after the price or the time has gone",
        (
            "tests/core/trading/test_approvals.py::test_an_expired_card_trades_nothing_and_says_so",
            "tests/core/trading/test_approvals.py::test_a_price_beyond_the_drift_is_quoted_again_not_filled",
            "tests/core/trading/test_late_entries.py::test_a_card_that_expired_while_another_order_was_handled_is_refused",
            "tests/end_to_end/test_cards.py::test_a_card_whose_price_has_drifted_is_quoted_anew",
        ),
    ),
    Row(
        "B-82",
        "an answer comes after a restart, or comes twice",
        (
            "tests/core/trading/test_approvals.py::test_a_claim_left_by_a_dead_process_is_closed_at_start_and_never_traded",
            "tests/handlers/test_chat.py::test_an_update_handled_before_a_restart_is_not_handled_again",
            "tests/db/test_journal_outbox.py::test_an_update_is_handled_once_and_remembered_for_two_days",
            "tests/end_to_end/test_restart.py::test_after_a_kill_an_open_card_can_still_be_answered",
        ),
    ),
    Row(
        "B-83",
        "a breaker tripped or the mode changed since the question",
        (
            "tests/core/trading/test_approvals.py::test_what_changed_since_the_card_was_shown_refuses_the_tap",
            "tests/core/trading/test_approvals.py::test_stricter_limits_since_the_card_was_shown_refuse_the_tap",
            "tests/core/trading/test_breakers_block.py::test_no_plan_is_entered_and_no_card_filled_while_it_is_tripped",
        ),
    ),
    Row(
        "B-84",
        "the button of an old message is pressed",
        (
            "tests/end_to_end/test_bad_input.py::test_a_button_of_last_week_has_expired",
            "tests/bot/test_outbox.py::test_the_end_of_an_idea_is_put_over_its_card",
            "tests/db/test_journal_desk.py::test_a_card_that_is_over_cannot_be_claimed",
        ),
    ),
    Row(
        "B-85",
        "a stranger commands",
        (
            "tests/end_to_end/test_bad_input.py::test_a_stranger_is_refused_once_and_then_ignored",
            "tests/end_to_end/test_bad_input.py::test_a_strangers_tap_on_the_owners_button_does_nothing",
            "tests/bot/test_gate.py::test_an_empty_list_of_owners_means_nobody",
            "tests/handlers/test_chat.py::test_a_stranger_gets_one_refusal_and_then_silence",
        ),
    ),
    Row(
        "B-86",
        "a command from a group, a channel or through another bot",
        (
            "tests/end_to_end/test_bad_input.py::test_a_command_in_a_group_is_met_with_silence",
            "tests/bot/test_gate.py::test_another_member_of_the_group_is_refused_once_for_a_command",
            "tests/handlers/test_chat.py::test_what_the_owner_did_not_write_here_is_no_command",
            "tests/bot/test_gate.py::test_a_button_shown_in_the_group_is_not_anothers_to_press",
        ),
    ),
    Row(
        "B-87",
        "a forwarded or edited message looks like a command",
        (
            "tests/end_to_end/test_bad_input.py::test_forwarded_and_edited_commands_are_not_commands",
            "tests/handlers/test_chat.py::test_an_edited_message_is_no_command",
            "tests/handlers/test_chat.py::test_what_the_owner_did_not_write_here_is_no_command",
        ),
    ),
    Row(
        "B-88",
        "a message longer than Telegram takes",
        (
            "tests/bot/test_cards.py::test_every_card_parses_and_fits_whatever_the_texts_say",
            "tests/bot/test_cards.py::test_every_notice_parses_and_fits_whatever_its_facts_say",
            "tests/bot/test_cards.py::test_pages_hold_every_line_in_order_and_never_cut_a_tag",
            "tests/bot/test_cards.py::test_a_caption_drops_reasons_before_numbers",
        ),
    ),
    Row(
        "B-89",
        "a foreign text breaks the markup",
        (
            "tests/bot/test_cards.py::test_every_card_parses_and_fits_whatever_the_texts_say",
            "tests/bot/test_outbox.py::test_html_that_telegram_refuses_is_told_as_plain_words",
            "tests/bot/test_cards.py::test_every_notice_parses_and_fits_whatever_its_facts_say",
        ),
    ),
    Row(
        "B-90",
        "the owner has blocked the bot",
        (
            "tests/bot/test_owner_line.py::test_a_short_outage_changes_nothing_and_a_long_one_closes_entries",
            "tests/bot/test_owner_line.py::test_a_refused_chat_closes_even_then_and_only_a_delivery_opens",
            "tests/bot/test_outbox.py::test_a_blocked_bot_keeps_what_it_has_to_say",
            "tests/end_to_end/test_console.py::test_panic_from_the_console_pauses_and_closes_without_telegram",
            "tests/end_to_end/test_telegram_outage.py::test_a_gateway_that_fails_ends_no_task",
        ),
    ),
    Row(
        "B-91",
        "another program polls with our token",
        (
            "tests/bot/test_owner_line.py::test_conflicts_close_entries_once_they_are_certain_and_are_news_once",
            "tests/bot/test_desk_shared_token.py::test_what_raises_risk_is_refused_with_the_reason",
            "tests/bot/test_telegram.py::test_another_poller_raises_the_alarm_once",
            "tests/bot/test_telegram.py::test_a_foreign_webhook_set_meanwhile_raises_the_alarm",
            "tests/end_to_end/test_console.py::test_a_second_bot_on_the_same_token_is_refused_naming_the_first",
        ),
    ),
    Row(
        "B-92",
        "an edit changes nothing or finds no message",
        (
            "tests/bot/test_outbox.py::test_an_end_that_is_shown_already_is_no_error",
            "tests/bot/test_outbox.py::test_an_end_whose_card_is_gone_is_a_message_of_its_own",
            "tests/bot/test_outbox.py::test_a_deleted_opening_message_does_not_silence_the_rest",
            "tests/handlers/test_chat.py::test_refresh_without_news_is_quiet",
        ),
    ),
    Row(
        "B-93",
        "more notices than anybody can read",
        (
            "tests/bot/test_outbox.py::test_a_burst_is_told_together_and_critical_notices_stay_alone",
            "tests/bot/test_outbox.py::test_strict_flood_limits_are_never_met",
            "tests/bot/test_supervisor.py::test_a_task_that_fails_at_every_other_turn_is_no_flood_of_messages",
            "tests/bot/test_supervisor.py::test_the_owner_is_told_once_however_long_it_lasts",
        ),
    ),
    Row(
        "B-94",
        "Telegram is away for hours",
        (
            "tests/bot/test_outbox.py::test_an_idea_that_ended_during_an_outage_is_told_once_as_over",
            "tests/core/trading/test_approvals.py::test_an_unanswered_card_expires_by_itself_once",
            "tests/bot/test_outbox.py::test_an_outage_loses_nothing_and_repeats_nothing",
            "tests/end_to_end/test_telegram_outage.py::test_a_tap_during_an_outage_is_carried_out_once_when_it_ends",
        ),
    ),
    Row(
        "B-95",
        "what a button carries is forged",
        (
            "tests/end_to_end/test_bad_input.py::test_a_forged_button_is_answered_and_does_nothing",
            "tests/db/test_journal_outbox.py::test_a_button_works_once_for_its_owner_before_it_expires",
            "tests/handlers/test_chat.py::test_a_made_up_button_is_answered_and_does_nothing",
        ),
    ),
)
