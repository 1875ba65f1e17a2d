"""What is written about a parameter search: words for a terminal, a page, pictures, lists of sets."""
