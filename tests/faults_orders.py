"""Sending orders: what is asked of the venue, what it answers, and what it may already have done."""

from __future__ import annotations

from tests.faults_row import Row

ORDERS = (
    Row(
        "B-01",
        "the venue took the order and its answer never came",
        (
            "tests/core/trading/test_executor_entering.py::test_an_entry_whose_answer_was_lost_is_found_covered_and_not_sent_again",
            "tests/adapters/exchange/test_venue_faults.py::test_an_order_whose_answer_is_lost_is_unknown_and_found_by_its_id",
            "tests/adapters/exchange/test_venue_trading.py::test_a_lost_answer_never_doubles_an_entry_and_leaves_no_position_bare",
            "tests/live/test_faults.py::test_the_bot_survives",
        ),
    ),
    Row(
        "B-02",
        "an error of the server that leaves the order's fate open",
        (
            "tests/adapters/exchange/test_outcomes.py::test_a_binance_code_means_the_same_whatever_class_the_host_gives_it",
            "tests/adapters/exchange/test_outcomes.py::test_a_status_without_a_code_says_only_what_it_proves",
            "tests/adapters/exchange/test_outcomes.py::test_a_friendly_status_without_a_receipt_is_unknown",
            "tests/live/test_faults.py::test_the_bot_survives",
        ),
    ),
    Row(
        "B-03",
        "an order is not found at first and shows later",
        (
            "tests/core/trading/test_executor_entering.py::test_an_accepted_entry_that_a_lagging_venue_hides_is_not_given_up",
            "tests/core/trading/test_executor_entering.py::test_an_entry_that_never_arrived_is_given_up_after_the_window_and_never_resent",
            "tests/core/trading/test_lifecycle_entering.py::test_an_unanswered_entry_is_dead_only_after_the_window_and_two_agreeing_looks",
            "tests/adapters/exchange/test_venue_faults.py::test_an_order_that_is_accepted_late_shows_later",
            "tests/live/test_faults.py::test_the_bot_survives",
        ),
    ),
    Row(
        "B-04",
        "an exit without an answer is sent again",
        (
            "tests/core/trading/test_lifecycle_leaving.py::test_a_close_sends_the_whole_position_reduce_only_at_market",
            "tests/core/trading/test_executor_booking.py::test_a_close_is_repeated_until_the_venue_shows_it_flat",
            "tests/core/trading/test_executor_booking.py::test_a_partial_close_without_an_answer_closes_its_part_once",
            "tests/core/sim/test_venue_orders.py::test_a_reduce_only_limit_larger_than_the_position_takes_it_and_turns_nothing",
        ),
    ),
    Row(
        "B-05",
        "a library or a layer of HTTP repeats an order by itself",
        (
            "tests/test_architecture.py::test_nothing_repeats_an_order_request_by_itself",
            "tests/test_architecture.py::test_the_search_for_blind_retries_finds_both_kinds",
            "tests/adapters/exchange/test_client.py::test_ccxt_neither_retries_nor_throttles_nor_chats",
            "tests/demo/test_exchange_failing.py::test_a_lost_order_is_taken_once_although_the_client_library_may_ask_again",
        ),
    ),
    Row(
        "B-06",
        "one signal is heard twice",
        (
            "tests/core/trading/test_same_signal.py::test_a_restart_inside_the_bar_does_not_trade_its_signal_again",
            "tests/core/trading/test_same_signal.py::test_a_signal_that_was_just_stopped_out_is_not_traded_again",
            "tests/core/trading/test_same_signal.py::test_overlapping_scans_of_one_signal_make_one_card_or_one_trade",
            "tests/db/test_journal_trades.py::test_a_plan_opens_one_trade_however_often_it_is_asked",
            "tests/db/test_journal_desk.py::test_of_twenty_ideas_at_once_for_a_symbol_one_becomes_a_card_and_one_a_trade",
        ),
    ),
    Row(
        "B-07",
        "the venue knows the order's id already",
        (
            "tests/adapters/exchange/test_venue_faults.py::test_an_id_that_is_alive_already_is_unknown_and_is_looked_for",
            "tests/demo/test_bybit_failing.py::test_an_id_that_was_used_is_a_duplicate_even_after_its_order_is_over",
            "tests/adapters/exchange/test_outcomes.py::test_a_code_of_each_venue_is_sorted_by_its_own_book",
        ),
    ),
    Row(
        "B-08",
        "only a part of the entry is filled",
        (
            "tests/core/trading/test_partial_entries.py::test_a_half_filled_entry_is_covered_for_its_half_and_the_rest_cancelled",
            "tests/core/trading/test_partial_entries.py::test_what_an_entry_fills_while_its_rest_is_being_cancelled_is_covered_too",
            "tests/core/trading/test_lifecycle_entering.py::test_the_rest_of_an_entry_is_cancelled_once_a_part_came_and_went",
            "tests/live/test_faults.py::test_the_bot_survives",
        ),
    ),
    Row(
        "B-09",
        "a filled entry is acknowledged without its fills",
        (
            "tests/core/trading/test_partial_entries.py::test_an_entry_whose_answer_names_no_fill_is_neither_flat_nor_whole",
            "tests/core/trading/test_lifecycle_cover.py::test_a_bare_position_gets_a_stop_of_its_own_size_before_anything_else",
            "tests/demo/test_bybit_http.py::test_an_order_is_acknowledged_with_its_ids_and_nothing_else",
            "tests/adapters/exchange/test_venue_bybit_sockets.py::test_an_entry_brings_its_stop_along_which_covers_the_position",
        ),
    ),
    Row(
        "B-10",
        "a size under the venue's smallest order",
        (
            "tests/core/risk/test_checks.py::test_a_size_the_venue_would_reject_is_refused",
            "tests/core/risk/test_planning.py::test_a_share_of_nothing_is_an_empty_plan_that_is_refused",
            "tests/core/trading/test_lifecycle_leaving.py::test_a_part_too_small_for_the_venue_ends_with_its_reason",
        ),
    ),
    Row(
        "B-11",
        "a price or size off the venue's steps",
        (
            "tests/core/test_money.py::test_rounding_never_crosses_its_own_direction",
            "tests/core/risk/test_sizing.py::test_no_drawn_plan_breaks_a_cap_cleared_or_not",
            "tests/core/risk/test_checks.py::test_a_stop_on_the_wrong_side_too_near_too_far_or_off_the_tick_is_refused",
            "tests/adapters/exchange/test_venue_binance_rows.py::test_numbers_are_sent_as_they_are_written_and_never_in_powers_of_ten",
        ),
    ),
    Row(
        "B-12",
        "the venue changes a symbol's rules while we run",
        (
            "tests/adapters/exchange/test_instruments.py::test_instruments_are_reloaded_daily_and_old_ones_hold_when_that_fails",
            "tests/core/trading/test_executor_entering.py::test_a_refused_entry_is_abandoned_and_told",
            "tests/core/trading/test_moving.py::test_a_tick_that_grew_since_the_entry_moves_no_stop",
            "tests/adapters/exchange/test_instruments.py::test_doubted_rules_are_read_again_soon_but_not_for_every_rejected_order",
        ),
    ),
    Row(
        "B-13",
        "a reducing order is refused, for nothing is held",
        (
            "tests/core/trading/test_outside_hands.py::test_a_close_that_finds_the_position_closed_already_books_it_and_ends",
            "tests/core/trading/test_exits_unanswered.py::test_refused_exits_are_slowed_down_too",
            "tests/adapters/exchange/test_venue_faults.py::test_reducing_what_is_not_held_is_refused",
        ),
    ),
    Row(
        "B-14",
        "resting targets bind the quantity that is to be closed",
        (
            "tests/core/trading/test_lifecycle_leaving.py::test_targets_that_may_bind_the_quantity_are_cancelled_when_an_exit_is_refused",
            "tests/core/trading/test_lifecycle_leaving.py::test_a_position_that_cannot_be_closed_is_not_left_without_a_stop_meanwhile",
        ),
    ),
    Row(
        "B-15",
        "the stop's price was passed before it could rest",
        (
            "tests/core/trading/test_executor_entering.py::test_a_price_beyond_the_stop_right_after_the_entry_closes_at_market",
            "tests/core/trading/test_lifecycle_leaving.py::test_a_price_at_or_past_the_stop_closes_at_market",
            "tests/adapters/exchange/test_venue_faults.py::test_a_stop_on_the_wrong_side_of_the_price_is_refused_with_its_code",
            "tests/adapters/exchange/test_venue_trading.py::test_a_stop_that_the_venue_refuses_closes_the_position",
        ),
    ),
    Row(
        "B-16",
        "the account has too little margin for the order",
        (
            "tests/core/risk/test_checks.py::test_margin_and_entry_fee_must_fit_into_what_is_available",
            "tests/core/risk/test_planning.py::test_the_available_margin_cuts_the_size_and_says_so",
            "tests/adapters/exchange/test_venue_faults.py::test_too_little_money_is_refused",
            "tests/core/trading/test_executor_entering.py::test_a_refused_entry_is_abandoned_and_told",
        ),
    ),
    Row(
        "B-17",
        "leverage beyond the bracket of the size",
        (
            "tests/core/risk/test_planning.py::test_the_bracket_of_the_real_size_bounds_leverage",
            "tests/core/risk/test_checks.py::test_leverage_over_what_the_venue_allows_at_that_size_is_refused",
            "tests/core/risk/test_checks.py::test_a_size_over_the_venues_last_bracket_is_refused",
            "tests/adapters/exchange/test_instruments.py::test_with_keys_the_real_brackets_are_read",
        ),
    ),
    Row(
        "B-18",
        "the account holds both sides of a symbol apart",
        (
            "tests/adapters/exchange/test_venue_binance.py::test_hedge_mode_is_refused_and_never_flipped",
            "tests/adapters/exchange/test_venue_bybit_sockets.py::test_hedge_mode_is_seen_refused_and_mended",
            "tests/adapters/exchange/test_venue_okx.py::test_an_account_that_forbids_isolated_one_way_trading_is_named",
            "tests/end_to_end/test_live.py::test_hedge_mode_is_named_and_set_after_a_tap",
        ),
    ),
    Row(
        "B-19",
        "a setting of the account is so already, or cannot be changed",
        (
            "tests/adapters/exchange/test_accounts.py::test_a_margin_mode_that_was_so_already_is_no_fault",
            "tests/adapters/exchange/test_accounts.py::test_a_margin_mode_that_was_not_set_stops_the_entry",
            "tests/adapters/exchange/test_outcomes.py::test_a_setting_that_was_so_already_is_known_as_wanted",
            "tests/adapters/exchange/test_venue_binance.py::test_preparing_twice_changes_nothing_the_second_time",
            "tests/adapters/exchange/test_venue_binance.py::test_cross_margin_with_open_orders_is_not_changed",
        ),
    ),
    Row(
        "B-20",
        "another leverage holds than was asked for",
        (
            "tests/adapters/exchange/test_accounts.py::test_leverage_that_was_not_set_is_told_as_it_is",
            "tests/adapters/exchange/test_accounts.py::test_leverage_whose_answer_is_lost_is_read_back",
            "tests/core/trading/test_executor_entering.py::test_a_leverage_that_is_not_the_plans_is_no_entry",
        ),
    ),
    Row(
        "B-21",
        "conditional orders live at endpoints of their own",
        (
            "tests/adapters/exchange/test_venue_binance.py::test_a_stop_is_shown_among_open_orders_with_all_its_marks",
            "tests/adapters/exchange/test_venue_binance.py::test_an_order_of_either_kind_is_cancelled_by_our_id",
            "tests/adapters/exchange/test_venue_faults.py::test_half_an_answer_about_open_orders_is_no_answer",
            "tests/demo/test_exchange_account.py::test_stops_live_at_the_algo_endpoints_only",
        ),
        lacks="No order is placed at the start only to learn whether stops are possible and listed.",
    ),
    Row(
        "B-22",
        "the venue takes no more stops on a symbol",
        (
            "tests/core/trading/test_lifecycle_cover.py::test_stops_that_never_rest_as_wanted_do_not_pile_up",
            "tests/core/trading/test_executor_entering.py::test_a_position_that_cannot_be_protected_is_closed_within_seconds",
            "tests/core/trading/test_guard.py::test_an_order_of_ours_without_a_trade_is_cancelled_by_the_second_pass",
            "tests/demo/test_exchange_codes.py::test_there_is_room_for_ten_stops_of_a_symbol",
        ),
    ),
    Row(
        "B-23",
        "the venue is overloaded and says so",
        (
            "tests/adapters/exchange/test_venue_faults.py::test_an_overloaded_venue_has_not_taken_the_order",
            "tests/core/trading/test_executor_entering.py::test_a_stop_that_fails_at_first_is_placed_in_the_same_call",
            "tests/demo/test_exchange_failing.py::test_overload_spares_what_only_reduces",
            "tests/core/trading/test_lifecycle_bare.py::test_throttled_stops_close_nothing_before_the_deadline",
            "tests/core/trading/test_lifecycle_bare.py::test_a_throttled_exit_is_repeated_after_a_breath_and_a_stop_is_tried_meanwhile",
            "tests/live/test_faults.py::test_the_bot_survives",
        ),
    ),
    Row(
        "B-24",
        "the venue forbids this key, this region or this way of trading",
        (
            "tests/core/trading/test_executor_entering.py::test_a_venue_that_forbids_trading_closes_entries_and_calls_the_owner",
            "tests/core/trading/test_outside_hands.py::test_a_key_that_may_no_longer_trade_ends_entries_and_not_the_guarding",
            "tests/adapters/exchange/test_calls.py::test_a_definitive_error_is_not_asked_twice",
            "tests/adapters/exchange/test_outcomes.py::test_a_status_without_a_code_says_only_what_it_proves",
        ),
    ),
    Row(
        "B-25",
        "a stop that leaves by a limit and may not be filled",
        (
            "tests/adapters/exchange/test_venue_binance_rows.py::test_a_stop_that_leaves_by_a_limit_is_no_stop",
            "tests/core/trading/test_lifecycle_cover.py::test_a_bare_position_gets_a_stop_of_its_own_size_before_anything_else",
            "tests/adapters/exchange/test_venue_okx.py::test_a_stop_goes_to_the_algo_service_on_the_mark_price",
        ),
    ),
    Row(
        "B-26",
        "stop and liquidation look at different prices",
        (
            "tests/adapters/exchange/test_venue_binance.py::test_a_stop_is_shown_among_open_orders_with_all_its_marks",
            "tests/adapters/exchange/test_venue_bybit.py::test_an_entry_carries_its_stop_on_the_mark_price",
            "tests/adapters/exchange/test_venue_okx.py::test_a_stop_goes_to_the_algo_service_on_the_mark_price",
            "tests/core/sim/test_venue_orders.py::test_the_last_price_triggers_nothing_only_the_mark_does",
        ),
    ),
)
