"""The advisers' budget: what is set aside before a request, what its bill came to.

Laws:
- A reservation is one UPDATE of the day's total that holds only while the sum stays within the budget: of two
  writers one waits for the other's commit, or runs again.
- A bill is counted in the transaction that records the call.
"""

from __future__ import annotations

import logging
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from core.opinion import Purpose
from core.ports import AdviserCall
from core.spending import (
    EXIT_SHARE,
    IN_FLIGHT_S,
    DecisionCosts,
    Reservation,
    Room,
    Spending,
    bill_of,
    pico_down,
    pico_up,
    usd_of,
)
from db.part import JournalPart
from db.rows import add_up, insert_new, matching, utc_day
from db.tables_spending import ai_days, ai_spending

log = logging.getLogger("perpilot.spending")

ROW = ai_spending.c
COUNTED = func.coalesce(ROW.settled_pico_usd, ROW.reserved_pico_usd)


def reserve(connection: Connection, wanted: Reservation, budget_usd: Decimal) -> Room:
    if connection.execute(select(ROW.call_id).where(ROW.call_id == wanted.call_id)).first() is not None:
        raise ValueError(f"the call {wanted.call_id} has a reservation already")
    key = {"account": wanted.account, "day": wanted.day}
    insert_new(connection, ai_days, key | {"spent_pico_usd": 0, "exit_pico_usd": 0})
    today = connection.execute(select(ai_days).where(*matching(ai_days, key))).one()
    worst, exits = pico_up(wanted.worst_usd), wanted.purpose is Purpose.EXIT
    budget = pico_down(budget_usd)
    exit_budget = pico_down(budget_usd * EXIT_SHARE)
    spent = ai_days.c.spent_pico_usd + worst
    exit_spent = ai_days.c.exit_pico_usd + (worst if exits else 0)
    within = [spent <= budget, exit_spent <= exit_budget] if exits else [spent <= budget]
    taken = connection.execute(
        update(ai_days)
        .where(*matching(ai_days, key), *within)
        .values(spent_pico_usd=spent, exit_pico_usd=exit_spent)
    )
    free = usd_of(budget - today.spent_pico_usd), usd_of(exit_budget - today.exit_pico_usd)
    if taken.rowcount != 1:
        return Room(False, *free, open_usd=_under_way(connection, wanted))
    connection.execute(insert(ai_spending).values(**_row(wanted, worst)))
    return Room(True, *free)


def _row(wanted: Reservation, worst: int) -> dict[str, Any]:
    return {
        "call_id": wanted.call_id,
        "account": wanted.account,
        "adviser": wanted.adviser,
        "model": wanted.model,
        "purpose": wanted.purpose.value,
        "decision_id": wanted.decision_id,
        "day": wanted.day,
        "reserved_pico_usd": worst,
        "settled_pico_usd": None,
        "at": wanted.at,
    }


def _under_way(connection: Connection, wanted: Reservation) -> Decimal:
    found = select(func.coalesce(func.sum(ROW.reserved_pico_usd), 0)).where(
        ROW.account == wanted.account,
        ROW.day == wanted.day,
        ROW.settled_pico_usd.is_(None),
        ROW.at > wanted.at - timedelta(seconds=IN_FLIGHT_S),
    )
    return usd_of(connection.execute(found).scalar_one())


def settle(connection: Connection, account: str, call: AdviserCall) -> Decimal:
    """Replaces what was set aside for `call` by its bill; where none came, what was set aside is its price.

    A bill without a reservation is counted as well: the money is gone. Returns what the call costs beyond
    what an earlier state of its row did.
    """
    bill = bill_of(call)
    row = connection.execute(select(ai_spending).where(ROW.call_id == call.id)).one_or_none()
    if row is None:
        if bill:
            _count_unreserved(connection, account, call, pico_up(bill))
        return bill or Decimal(0)
    counted = row.reserved_pico_usd if row.settled_pico_usd is None else row.settled_pico_usd
    settled = counted if bill is None else pico_up(bill)
    if settled > row.reserved_pico_usd and settled > counted:
        log.error(
            "bill above its reservation: call=%s model=%s reserved_usd=%s billed_usd=%s",
            call.id,
            call.model_asked,
            usd_of(row.reserved_pico_usd),
            usd_of(settled),
        )
    _set(connection, row, settled, settled - counted)
    return usd_of(settled - (row.settled_pico_usd or 0))


def _set(connection: Connection, row: Row[Any], settled: int, more: int) -> None:
    connection.execute(update(ai_spending).where(ROW.call_id == row.call_id).values(settled_pico_usd=settled))
    _add(connection, row.account, row.day, row.purpose, more)


def _add(connection: Connection, account: str, day: date, purpose: str, pico: int) -> None:
    exits = pico if purpose == Purpose.EXIT else 0
    amounts = {"spent_pico_usd": pico, "exit_pico_usd": exits}
    add_up(connection, ai_days, {"account": account, "day": day}, amounts)


def _count_unreserved(connection: Connection, account: str, call: AdviserCall, pico: int) -> None:
    nothing = Reservation(
        call.id,
        account,
        call.adviser,
        call.model_asked,
        call.purpose,
        call.decision_id,
        call.at,
        Decimal(0),
    )
    connection.execute(insert(ai_spending).values(**_row(nothing, 0) | {"settled_pico_usd": pico}))
    _add(connection, account, utc_day(call.at), call.purpose.value, pico)


def spending(connection: Connection, account: str, since: date) -> tuple[Spending, ...]:
    found = (
        select(
            ROW.day, ROW.adviser, ROW.purpose, func.count().label("requests"), func.sum(COUNTED).label("pico")
        )
        .where(ROW.account == account, ROW.day >= since)
        .group_by(ROW.day, ROW.adviser, ROW.purpose)
        .order_by(ROW.day, ROW.adviser, ROW.purpose)
    )
    return tuple(
        Spending(row.day, row.adviser, Purpose(row.purpose), row.requests, usd_of(row.pico))
        for row in connection.execute(found)
    )


def decision_costs(connection: Connection, account: str, day: date) -> DecisionCosts:
    each = (
        select(ROW.decision_id, func.sum(COUNTED).label("pico"))
        .where(ROW.account == account, ROW.day == day, ROW.decision_id != "")
        .group_by(ROW.decision_id)
        .subquery()
    )
    count, pico = connection.execute(
        select(func.count(), func.coalesce(func.sum(each.c.pico), 0)).select_from(each)
    ).one()
    if not count:
        return DecisionCosts(0, Decimal(0))
    dearest = connection.execute(select(each).order_by(each.c.pico.desc(), each.c.decision_id).limit(1)).one()
    return DecisionCosts(count, usd_of(pico), dearest.decision_id, usd_of(dearest.pico))


class SpendingPart(JournalPart):
    """`core.spending.SpendingJournal`."""

    async def reserve_spending(self, wanted: Reservation, budget_usd: Decimal) -> Room:
        return await self._write(lambda c: reserve(c, wanted, budget_usd))

    async def spending(self, account: str, since: date) -> tuple[Spending, ...]:
        return await self._read(lambda c: spending(c, account, since))

    async def decision_costs(self, account: str, day: date) -> DecisionCosts:
        return await self._read(lambda c: decision_costs(c, account, day))
