"""Whether the account may bear the plan now: entries, places, drawdown, budgets, the side, cooldown.

Like every check, each yields its reasons with both numbers and repairs nothing; unknown refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from core.plan import Origin, Reason
from core.risk.account import Account
from core.risk.breakers import title_of
from core.risk.case import EARLIEST_S, Case
from core.risk.ceilings import left_down, left_today, share_left, side_risk, size_ceilings
from core.risk.limits import Limits


def entries_allowed(case: Case) -> Iterator[Reason]:
    if case.account.closed_to_entries:
        yield Reason("entries", f"entries are closed: {case.account.closed_to_entries}")
    for name in case.account.open_breakers:
        yield Reason("breakers", f"the circuit breaker “{title_of(name)}” is open")


def equity_known(case: Case) -> Iterator[Reason]:
    account = case.account
    figures = {"equity": account.equity, "the wallet": account.wallet, "peak equity": account.peak}
    figures |= {"available margin": account.available, "the day's opening equity": account.day_opening}
    for name, value in figures.items():
        if value is None:
            yield Reason("equity", f"{name} is unknown")
        elif name == "equity" and not value > 0:
            yield Reason("equity", f"equity {value} is not above 0")
    if account.cap is not None and not account.cap > 0:
        yield Reason("equity", "the capital cap of live trading is unknown")
    age = (case.now - account.at).total_seconds()
    if not EARLIEST_S <= age <= case.limits.max_quote_age_s:
        yield Reason(
            "equity", f"the account was last seen {age:.0f} s ago, limit {case.limits.max_quote_age_s:.0f} s"
        )


def places_left(case: Case) -> Iterator[Reason]:
    taken = case.account.open_risks
    if not len(taken) < case.limits.max_open_positions:
        yield Reason(
            "positions",
            f"open positions and cards ({len(taken)}) take all of MAX_OPEN_POSITIONS "
            f"{case.limits.max_open_positions}",
        )
    if any(risk.symbol == case.plan.symbol for risk in taken):
        yield Reason("positions", f"{case.plan.symbol} already has a position or an open card")
    if case.plan.symbol in case.account.foreign_symbols:
        yield Reason("positions", f"{case.plan.symbol} has a position that is not ours")


def drawdown_bearable(case: Case) -> Iterator[Reason]:
    account, limits = case.account, case.limits
    if account.equity is None or account.peak is None:
        return  # reported by `equity_known`
    fall = account.drawdown
    if fall is None:
        yield Reason("drawdown", f"the drawdown is unknown: peak equity {account.peak} must be above 0")
    elif not fall < limits.orange_drawdown:
        text = f"the drawdown {fall * 100:.2f} % has reached {limits.orange_drawdown * 100:.2f} %"
        yield Reason("drawdown", f"{text}, from where nothing is opened", "/breakers")


def size_within_ceilings(case: Case) -> Iterator[Reason]:
    """What the size was cut to when the plan was drawn may be too much now."""
    plan, limits, equity = case.plan, case.limits, case.account.sizing_equity
    ceilings = size_ceilings(plan.origin, plan.verdict, plan.regime, case.account, limits)
    if not ceilings or equity is None or case.account.drawdown is None or not plan.quantity > 0:
        return  # unknown figures are reported by their own checks
    share, most = share_left(ceilings), plan.full_size_loss
    if plan.origin is Origin.SCAN:
        most = equity * min(limits.risk_per_trade, limits.max_trade_loss) * share
    elif share < plan.size_share:  # a person names the risk: it is known only from the plan as it was drawn
        most = plan.full_size_loss * share / plan.size_share
    if not plan.loss_at_stop <= most:
        text = f"loss at stop {plan.loss_at_stop:.2f} is over {most:.2f}, {share.normalize():f} of the full"
        yield Reason("size", f"{text} size: {ceilings[0].why}", f"{share.normalize():f} of the full size")


def room_in_budgets(case: Case) -> Iterator[Reason]:
    at_stake = case.account.open_risk + case.plan.loss_at_stop
    left = left_today(case.account, case.limits)
    if left is not None and not at_stake <= left:
        text = f"open risk with this plan {at_stake:.2f} is over the {left:.2f} left of the daily limit"
        yield Reason("daily_budget", text)
    left = left_down(case.account, case.limits)
    if left is not None and not at_stake <= left:
        text = f"open risk with this plan {at_stake:.2f} is over the {left:.2f} left of the drawdown limit"
        yield Reason("drawdown_budget", text)


def same_direction(case: Case) -> Iterator[Reason]:
    """Each loss counts by its beta to BTC: coins fall together."""
    plan = case.plan
    on_side = side_risk(plan.side, plan.beta, case.account, case.limits)
    if on_side is None:
        return
    counted = on_side.taken + plan.loss_at_stop * on_side.weight
    if not counted <= on_side.cap:
        text = f"{plan.side} risk {counted:.2f}, weighted by beta, would be over {on_side.cap:.2f}"
        yield Reason("same_direction", text)


def cooled_down(case: Case) -> Iterator[Reason]:
    yield from too_soon(case.plan.symbol, case.account, case.limits, case.now)


def too_soon(symbol: str, account: Account, limits: Limits, now: datetime) -> Iterator[Reason]:
    """After a close, and after an entry that the venue refused: it would refuse the next one as well."""
    ends = {"closed": account.last_closed.get(symbol)}
    ends["had its entry refused by the exchange"] = account.last_refused.get(symbol)
    for what, at in ends.items():
        if at is not None and not (passed := (now - at).total_seconds()) >= limits.cooldown_s:
            limit = f"POSITION_COOLDOWN_MINUTES {limits.cooldown_s / 60:.0f}"
            yield Reason("cooldown", f"{symbol} {what} {passed / 60:.0f} min ago, {limit}")
