"""The figures of a report. Each goes with a table of the same figures, which is what a screen reader gets."""

from collections.abc import Sequence
from datetime import date, timedelta

from capacity.cost import Cost
from capacity.lock import WEEKDAYS, VerticalForecast
from capacity.plan import CapacityPlan, LivePlan
from capacity.required import growth_factor, required
from headroom.review.report.calendar import Due
from headroom.review.report.sessions import Sessions
from headroom.review.report.svg import BAND, INK, LOAD, MUTED, SAFE, WARN, Drawing, drawing
from headroom.review.report.week import SLOTS_A_DAY, Week, runs

_ROW = 0.42
"""Inches a row of bars takes."""
_MARGIN = 0.75
"""Inches of axis and legend."""
_LONG = 180
"""Days from which on an axis names months and years."""


def sessions_plot(rows: Sequence[Sessions]) -> str:
    """Return required sessions as bars, with the interval of the term that binds, against the safe and the hard ceiling."""
    places = range(len(rows))
    with drawing(_MARGIN + _ROW * len(rows)) as drawn:
        axes = drawn.axes
        short = [WARN if row.required > row.safe else LOAD for row in rows]
        axes.barh(places, [row.required for row in rows], height=0.34, color=short, label="required")
        if spans := [(place, *row.interval) for place, row in enumerate(rows) if row.interval is not None]:
            at, low, high = zip(*spans, strict=True)
            axes.hlines(at, low, high, color=INK, linewidth=1.2, label="its interval")
            axes.scatter(low + high, at + at, marker="|", s=40, color=INK, linewidths=1.2)
        axes.scatter([row.safe for row in rows], places, marker="|", s=260, color=SAFE, linewidths=3, label="safe ceiling")
        axes.scatter([row.hard for row in rows], places, marker="|", s=120, color=MUTED, linewidths=1, label="hard ceiling")
        axes.set_yticks(places, [row.name for row in rows])
        axes.invert_yaxis()
        _counts(drawn, "sessions")
        return drawn.svg("sessions")


def history_plot(plan: CapacityPlan, live: LivePlan, forecast: VerticalForecast, name: str) -> str:
    """Return the weeks' peaks, and ahead of them the next week's interval, the maximum's quantile and what is required."""
    end, until = plan.lock.data_end, plan.lock.valid_until
    ahead = [end + timedelta(days=day) for day in range(plan.lock.valid_days + 1)]
    middles = [week.week + timedelta(days=3) for week in forecast.weekly]
    with drawing(2.5) as drawn:
        axes = drawn.axes
        usual, highest = [week.p999 for week in forecast.weekly], [week.maximum for week in forecast.weekly]
        axes.plot(_days(middles), usual, color=LOAD, marker="o", markersize=3, label="99.9% of a week")
        axes.scatter(_days(middles), highest, color=LOAD, marker="_", s=30, label="its maximum")
        if forecast.next_week is not None:
            span = (forecast.next_week.low, forecast.next_week.high)
            axes.fill_between(_days([end, end + timedelta(days=7)]), *span, color=BAND, alpha=0.9, label="next week, 90%")
        if forecast.extreme is not None:
            axes.plot(_days([end, until]), [forecast.extreme.q95] * 2, color=SAFE, linestyle="--", label="95% of the maximum")
            if forecast.extreme.interval is not None:
                span = (forecast.extreme.interval.low, forecast.extreme.interval.high)
                axes.fill_between(_days([end, until]), *span, color=SAFE, alpha=0.25, label="its interval, 90%")
        grown = [live.peak * growth_factor((day - end).days, plan.margins.growth_per_quarter) for day in ahead]
        axes.plot(_days(ahead), grown, color=MUTED, linestyle=":", label="peak x growth")
        axes.plot(_days(ahead), [_required(plan, live, forecast, day) for day in ahead], color=WARN, label="required")
        first = min([*middles, end])
        ticks = [first + (until - first) * quarter // 3 for quarter in range(4)]
        axes.set_xticks(_days(ticks), [f"{day.day} {day:%b}" for day in ticks])
        axes.set_ylim(bottom=0)
        axes.grid(visible=True, axis="y")
        drawn.legend()
        return drawn.svg(name)


def week_plot(week: Week, peak: int, name: str) -> str:
    """Return the week day by day: the darker, the more sessions; outlined while a pre-scale window holds the floor up."""
    with drawing(2.0) as drawn:
        axes = drawn.axes
        for row in range(len(WEEKDAYS)):
            day = slice(row * SLOTS_A_DAY, (row + 1) * SLOTS_A_DAY)
            for start, length, sessions in runs(week.sessions[day]):
                share = min(1.0, sessions / peak)
                axes.broken_barh([(start, length)], (row - 0.42, 0.84), color=LOAD, alpha=0.06 + 0.84 * share)
            for start, length, inside in runs(week.prescaled[day]):
                if inside:
                    axes.broken_barh([(start, length)], (row - 0.42, 0.84), facecolor="none", edgecolor=WARN, linewidth=1.6)
        axes.set_xlim(0, SLOTS_A_DAY)
        axes.set_xticks(range(0, SLOTS_A_DAY + 1, SLOTS_A_DAY // 4), ["0:00", "6:00", "12:00", "18:00", "24:00"])
        axes.set_yticks(range(len(WEEKDAYS)), [day.capitalize() for day in WEEKDAYS])
        axes.invert_yaxis()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        return drawn.svg(name)


def cost_plot(costs: Sequence[Cost], currency: str) -> str:
    """Return each part's month, machines and model apart; of an unknown one nothing is drawn."""
    places = range(len(costs))
    with drawing(_MARGIN + _ROW * len(costs)) as drawn:
        axes = drawn.axes
        machines = [cost.infrastructure or 0.0 for cost in costs]
        axes.barh(places, machines, height=0.5, color=LOAD, label="machines")
        axes.barh(places, [cost.model or 0.0 for cost in costs], left=machines, height=0.5, color=SAFE, label="speech model")
        widest = max((cost.infrastructure or 0.0) + (cost.model or 0.0) for cost in costs)
        for place, cost in enumerate(costs):
            if cost.monthly is None:
                axes.text(machines[place] + 0.01 * widest, place, " + unknown", va="center", fontsize=8)
        axes.set_yticks(places, [cost.name for cost in costs])
        axes.invert_yaxis()
        _counts(drawn, f"{currency} a month")
        return drawn.svg("cost")


def calendar_plot(dues: Sequence[Due], as_of: date) -> str:
    """Return a bar from the last day to order until the day of need for each thing due, beside today."""
    places = range(len(dues))
    with drawing(_MARGIN + 0.3 * len(dues)) as drawn:
        axes = drawn.axes
        late = [WARN if due.act_by < as_of else LOAD for due in dues]
        begin, end = [due.act_by.toordinal() for due in dues], [due.until.toordinal() for due in dues]
        axes.barh(places, [last - first for first, last in zip(begin, end, strict=True)], left=begin, height=0.45, color=late)
        axes.scatter(begin, places, marker="|", s=90, color=INK, linewidths=2)
        axes.scatter(end, places, marker="D", s=16, color=INK)
        axes.axvline(as_of.toordinal(), color=WARN, linewidth=1.5, linestyle="--")
        axes.set_yticks(places, [due.what for due in dues])
        first, last = min([as_of.toordinal(), *begin]), max(end)
        ticks = [date.fromordinal(first + (last - first) * third // 2) for third in range(3)]
        axes.set_xticks(_days(ticks), [f"{day:%b %Y}" if last - first > _LONG else f"{day.day} {day:%b}" for day in ticks])
        axes.invert_yaxis()
        axes.grid(visible=True, axis="x")
        return drawn.svg("calendar")


def _required(plan: CapacityPlan, live: LivePlan, forecast: VerticalForecast, day: date) -> float:
    joining = None if live.onboarding is None else live.onboarding.sessions_on(day)
    margins = plan.margins
    return required(forecast, plan.lock.data_end, day, margins.burst, margins.growth_per_quarter, onboarding=joining).sessions


def _counts(drawn: Drawing, label: str) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    drawn.axes.set_xlim(left=0)
    drawn.axes.set_xlabel(label)
    drawn.axes.xaxis.set_major_locator(MaxNLocator(4))
    drawn.axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    drawn.axes.grid(visible=True, axis="x")
    drawn.legend()


def _days(days: Sequence[date]) -> list[int]:
    """Return places on an axis of days: plain numbers, which need no converter of Matplotlib's."""
    return [day.toordinal() for day in days]
