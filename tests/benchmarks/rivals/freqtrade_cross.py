"""The comparison's strategy as freqtrade wants it; loaded by freqtrade in its own environment."""

from __future__ import annotations

import numpy as np
import talib.abstract as ta
from freqtrade.strategy import IntParameter, IStrategy


class FreqtradeCross(IStrategy):
    INTERFACE_VERSION = 3
    timeframe = "5m"
    can_short = True
    stoploss = -0.15
    minimal_roi = {"0": 0.30}  # noqa: RUF012 (freqtrade wants it so)
    startup_candle_count = 0
    process_only_new_candles = True
    use_exit_signal = True
    exit_profit_only = False
    ignore_roi_if_entry_signal = False
    trailing_stop = False
    order_types = dict.fromkeys(("entry", "exit", "stoploss"), "market") | {"stoploss_on_exchange": False}

    fast = IntParameter(5, 20, default=12, space="buy")
    slow = IntParameter(21, 50, default=26, space="buy")
    most_rsi = IntParameter(60, 80, default=70, space="buy")
    least_adx = IntParameter(10, 30, default=20, space="buy")

    def bot_start(self, **kwargs):
        """Its stop and its target are told as a gain on the margin; fees of both ways are in the target's."""
        idea = self.config["cross_idea"]
        fee, lever = idea["fee"], idea["leverage"]
        up, down = 1 + idea["target"], 1 - idea["target"]
        long = (up * (1 - fee) / (1 + fee) - 1) * lever
        short = (1 - down * (1 + fee) / (1 - fee)) * lever
        self.reached = {False: (0, long), True: (0, short)}

    def min_roi_reached_entry(self, trade, trade_dur, current_time):
        """The very price, not a net gain."""
        return self.reached[trade.is_short]

    def leverage(
        self, pair, current_time, current_rate, proposed_leverage, max_leverage, entry_tag, side, **_
    ):
        return float(self.config["cross_idea"]["leverage"])

    def populate_indicators(self, dataframe, metadata):
        dataframe["rsi"], dataframe["adx"] = ta.RSI(dataframe, 14), ta.ADX(dataframe, 14)
        return dataframe

    def crosses(self, dataframe):
        above = ta.EMA(dataframe, self.fast.value) > ta.EMA(dataframe, self.slow.value)
        before = above.shift(1, fill_value=False)
        warm = np.arange(len(above)) >= 2 * 14
        return above & ~before & warm, ~above & before & warm

    def populate_entry_trend(self, dataframe, metadata):
        up, down = self.crosses(dataframe)
        trends, rsi = dataframe["adx"] > self.least_adx.value, dataframe["rsi"]
        dataframe.loc[up & trends & (rsi < self.most_rsi.value), "enter_long"] = 1
        dataframe.loc[down & trends & (rsi > 100 - self.most_rsi.value), "enter_short"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        up, down = self.crosses(dataframe)
        dataframe.loc[down, "exit_long"] = 1
        dataframe.loc[up, "exit_short"] = 1
        return dataframe
