"""What is written about a backtest: words for a terminal, a page, pictures, lists of trades."""
