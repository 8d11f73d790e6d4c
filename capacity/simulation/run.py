"""The day as it runs: calls between the instants at which pods, floors and nodes change."""

from dataclasses import dataclass, field
from enum import IntEnum
from heapq import heappop, heappush

import numpy as np
from numpy.random import Generator, SeedSequence, default_rng
from numpy.typing import NDArray

from capacity.simulation.accounts import Marks, close
from capacity.simulation.admission import Gates, admit_by_slots, has_gates
from capacity.simulation.autoscaler import Memory, next_floor, next_replicas
from capacity.simulation.calls import draw_calls
from capacity.simulation.day import MINUTE_SECONDS, Autoscaler, Day, NodeLoss
from capacity.simulation.fixed import play_fixed
from capacity.simulation.ledger import CUT, NOT_TAKEN, Ledger
from capacity.simulation.outcome import Outcome
from capacity.simulation.pods import Pods
from capacity.simulation.schedule import Schedule


class _Turn(IntEnum):
    """What happens between calls; of those at one instant the first here goes first."""

    READY = 0
    GRACE_OVER = 1
    NODE_LOST = 2
    REPLACED = 3
    FLOOR = 4
    SYNC = 5
    MARK = 6


def simulate(day: Day, seed: int) -> Outcome:
    """Return what a day comes to; the same day and seed give the same.

    The day begins without a call. The calls depend on the traffic and the seed alone.

    Raises:
        InvariantBroken: the simulation's own books do not agree.
    """
    traffic, routing, again = (default_rng(part) for part in SeedSequence(seed).spawn(3))
    ledger = Ledger(draw_calls(day.traffic, traffic))
    pods = Pods(day.fleet.sessions_per_pod, day.fleet.nodes, routing, unplaced=day.fleet.pods)
    gates = Gates(day, ledger, pods) if has_gates(day) else None
    run = _Run(day, ledger, pods, gates, again)
    run.begin()
    if gates is None and day.fleet.autoscaler is None and not day.fleet.losses:
        taken, levels = run.play_fixed()
    else:
        run.play()
        taken, levels = np.array(ledger.pod) != NOT_TAKEN, None
    return close(
        day,
        ledger,
        run.marks,
        taken=taken,
        levels=levels,
        refused=run.refused if gates is None else gates.refused,
        waiting=0 if gates is None else gates.waiting,
        tokens=None if gates is None else gates.tokens,
    )


@dataclass
class _Run:
    day: Day
    ledger: Ledger
    pods: Pods
    gates: Gates | None
    random: Generator
    marks: Marks = field(default_factory=Marks)
    refused: int = 0
    floor: int = 0
    memory: Memory = field(default_factory=Memory)
    agenda: list[tuple[float, _Turn, int, tuple[int, ...]]] = field(default_factory=list)
    """When, what, a number that keeps equals in order, and the pods (or the loss) that it is about."""
    entries: int = 0

    def begin(self) -> None:
        self.pods.open(self.pods.place())

    def play_fixed(self) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Play a day on which no pod comes or goes; return which calls were taken, and the sessions after each of them."""
        pods = self.pods
        played = play_fixed(self.ledger.calls, len(pods.free), self.day.traffic.seconds)
        minutes = len(played.active)
        self.marks = Marks(played.active, [len(pods.ready)] * minutes, [pods.replicas] * minutes)
        self.ledger.turns += played.turns
        self.refused = played.refused
        return played.taken, played.levels

    def play(self) -> None:
        horizon, autoscaler = self.day.traffic.seconds, self.day.fleet.autoscaler
        ends = self.ledger.calls.arrive + self.ledger.calls.hold
        schedule = Schedule(self.ledger.calls.arrive, ends, horizon)
        self.ledger.note_full(0.0, full=not self.pods.free)
        self._enter(MINUTE_SECONDS, _Turn.MARK)
        for number, loss in enumerate(self.day.fleet.losses):
            self._enter(loss.at_seconds, _Turn.NODE_LOST, (number,))
        if autoscaler is not None:
            self.floor = autoscaler.floor_at(0.0)
            self._enter(MINUTE_SECONDS, _Turn.FLOOR)
            self._enter(autoscaler.sync_seconds, _Turn.SYNC)
        while self.agenda[0][0] <= horizon:
            now, turn, _, pods = heappop(self.agenda)
            self._calls_until(now, schedule)
            self._turn(now, turn, pods)
            self.ledger.note_full(now, full=not self.pods.free)
            if self.gates is not None:
                self.gates.serve(now)

    def _calls_until(self, now: float, schedule: Schedule) -> None:
        for times, codes in schedule.until(now):
            if self.gates is None:
                self.refused += admit_by_slots(codes, self.ledger, self.pods)
            else:
                self.gates.play(times, codes)
        if self.gates is not None:
            self.gates.catch_up(now)
            self.gates.serve(now)

    def _turn(self, now: float, turn: _Turn, pods: tuple[int, ...]) -> None:
        autoscaler = self.day.fleet.autoscaler
        match turn:
            case _Turn.READY:
                self.pods.open(pods)
            case _Turn.GRACE_OVER:
                self._end_grace(now, pods)
            case _Turn.NODE_LOST:
                self._lose_node(now, self.day.fleet.losses[pods[0]])
            case _Turn.REPLACED:
                self.pods.replace(pods)
            case _Turn.FLOOR if autoscaler is not None:
                self._set_floor(now, autoscaler)
            case _Turn.SYNC if autoscaler is not None:
                self._sync(now, autoscaler)
            case _Turn.MARK:
                self._mark(now)
        self.pods.remove_empty()
        if placed := self.pods.place():
            self._enter(now + self.day.fleet.start_seconds, _Turn.READY, tuple(placed))

    def _set_floor(self, now: float, autoscaler: Autoscaler) -> None:
        pods = self.pods
        self.floor = next_floor(
            autoscaler,
            scheduled=autoscaler.floor_at(now),
            current=self.floor,
            replicas=pods.replicas,
            ready=len(pods.ready),
            sessions=pods.on_ready,
        )
        self._enter(now + MINUTE_SECONDS, _Turn.FLOOR)

    def _sync(self, now: float, autoscaler: Autoscaler) -> None:
        pods = self.pods
        before = pods.replicas
        wanted = next_replicas(
            autoscaler,
            self.memory,
            now,
            replicas=before,
            floor=self.floor,
            ready=len(pods.ready),
            sessions=pods.on_ready,
        )
        if wanted > before:
            pods.unplaced += wanted - before
        for pod in pods.shrink(before - wanted):
            self._enter(now + self.day.fleet.grace_seconds, _Turn.GRACE_OVER, (pod,))
        self._enter(now + autoscaler.sync_seconds, _Turn.SYNC)

    def _end_grace(self, now: float, pods: tuple[int, ...]) -> None:
        for pod in pods:
            if pod in self.pods.draining:
                self._cut(now, {pod})
                self.pods.remove(pod)

    def _lose_node(self, now: float, loss: NodeLoss) -> None:
        held, missed = self.pods.lose_node()
        self._cut(now, set(held))
        self._enter(now + loss.replaced_after_seconds, _Turn.REPLACED, tuple(missed))

    def _cut(self, now: float, pods: set[int]) -> None:
        """Lose the calls of some pods; their callers may come again for the rest."""
        calls, ledger = self.ledger.calls, self.ledger
        up = np.flatnonzero((calls.arrive <= now) & (calls.arrive + calls.hold > now)).tolist()
        ends = {call: ledger.arrive_of(call) + ledger.hold_of(call) for call in up if call not in ledger.ended}
        ends |= {call: end for call, end in ledger.ended.items() if end > now}
        for call in sorted(call for call in ends if ledger.pod[call] in pods):
            ledger.pod[call] = CUT
            ledger.ended[call] = now
            ledger.cut += 1
            if self.gates is not None:
                self.gates.cut(now, call)
            if self.gates is not None and self.day.reconnect_seconds is not None:
                at = now + self.random.random() * self.day.reconnect_seconds
                if at < self.day.traffic.seconds:
                    self.gates.call_again(at, ledger.come_again(call, at, ends[call] - now))

    def _mark(self, now: float) -> None:
        self.marks.active.append(self.pods.sessions)
        self.marks.ready.append(len(self.pods.ready))
        self.marks.desired.append(self.pods.replicas)
        self._enter(now + MINUTE_SECONDS, _Turn.MARK)

    def _enter(self, at: float, turn: _Turn, pods: tuple[int, ...] = ()) -> None:
        self.entries += 1
        heappush(self.agenda, (at, turn, self.entries, pods))
