"""What can go wrong for a trader with leverage, and the tests that show how the bot comes out of it.

Every fault of the list stands here once, by its id, with the tests that cover it or the reason why none does.
`tests/test_faults.py` keeps this true.
"""

from __future__ import annotations

from tests.faults_judgement import JUDGEMENT
from tests.faults_orders import ORDERS
from tests.faults_outside import OUTSIDE
from tests.faults_protection import PROTECTION
from tests.faults_row import Row

COUNT = 128
LEAST_TESTED = 110
"""Rows that must name a test; the others must say why they cannot."""
FAULTS: tuple[Row, ...] = (*ORDERS, *PROTECTION, *OUTSIDE, *JUDGEMENT)
