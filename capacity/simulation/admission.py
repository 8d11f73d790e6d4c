"""How a call gets in: past its plan's cap, the model's tokens and the pods' slots, or into the line."""

from collections import defaultdict, deque
from collections.abc import Sequence
from heapq import heappop, heappush

from capacity.simulation.day import Day
from capacity.simulation.ledger import AT_CAP, AT_PODS, AT_TOKENS, Ledger, Reason
from capacity.simulation.pods import Pods
from capacity.simulation.tokens import TokenLevel, full_bucket

_UNCAPPED = 1 << 62


def has_gates(day: Day) -> bool:
    """Return whether anything but the pods decides on a call, or a call can begin later than it came."""
    capped = any(group.cap_sessions is not None for group in day.traffic.groups)
    return capped or day.tokens is not None or day.queue_depth > 0 or day.reconnect_seconds is not None


def admit_by_slots(codes: Sequence[int], ledger: Ledger, pods: Pods) -> int:
    """Play events where free slots alone decide, and return how many calls found none.

    The same as `Gates.play` for such a day, several times as fast: the loop knows no times.
    """
    pod_of, accepting, draining, free = ledger.pod, pods.accepting, pods.draining, pods.free
    take, give = free.popleft, free.append
    refused = 0
    turns = []
    for code in codes:
        if code >= 0:
            if free:
                pod_of[code] = take()
                if not free:
                    turns.append(code)
            else:
                refused += 1
        else:
            pod = pod_of[~code]
            if pod >= 0:
                if accepting[pod]:
                    if not free:
                        turns.append(code)
                    give(pod)
                else:
                    draining[pod] -= 1
    ledger.turns += ledger.times_of(turns)
    return refused


class Gates:
    """Caps, tokens, slots and the line, asked in this order, call by call.

    The line is served in the order of coming, but for calls whose tenant is at its cap: they step aside until one of its own
    ends. It is looked at whenever a call comes or ends, each minute and at every step of the autoscaler: who waits for tokens
    alone waits for the next of these.
    """

    def __init__(self, day: Day, ledger: Ledger, pods: Pods) -> None:
        self._ledger, self._pods = ledger, pods
        groups = day.traffic.groups
        self._caps = [cap for group in groups for cap in [group.cap_sessions or _UNCAPPED] * group.tenants] or [_UNCAPPED]
        self._held = [0] * len(self._caps)
        # A list: to take one item out of an array costs as much as all else that a call needs.
        self._tenants: list[int] = ledger.calls.tenant.tolist()
        self._depth = day.queue_depth
        self._line: list[tuple[float, int]] = []
        self._aside: defaultdict[int, deque[int]] = defaultdict(deque)
        self._later: list[tuple[float, int]] = []
        self._up = 0
        self.waiting = 0
        self.refused = 0
        self.tokens = TokenLevel(day.tokens, full_bucket(day.tokens)) if day.tokens is not None else None

    def play(self, times: Sequence[float], codes: Sequence[int]) -> None:
        """Play events in the order of time, with those that were put in between since."""
        later, pod_of, ended = self._later, self._ledger.pod, self._ledger.ended
        for now, code in zip(times, codes, strict=True):
            if later and later[0][0] <= now:
                self.catch_up(now)
            if code >= 0:
                self._offer(now, code)
            # Who began later than he came or was cut does not end when the schedule says.
            elif pod_of[~code] >= 0 and ~code not in ended:
                self._leave(now, ~code)

    def catch_up(self, now: float) -> None:
        """Play what was put in between, up to an instant."""
        later, pod_of = self._later, self._ledger.pod
        while later and later[0][0] <= now:
            at, code = heappop(later)
            if code >= 0:
                self._offer(at, code)
            elif pod_of[~code] >= 0:
                self._leave(at, ~code)

    def serve(self, now: float) -> None:
        """Let calls in from the line as long as the first of them finds tokens and a slot."""
        if self.tokens is not None:
            self.tokens.settle(now, self._up)
        while self._line and self._pods.free and (self.tokens is None or self.tokens.suffices(self._up)):
            _, call = heappop(self._line)
            tenant = self._tenants[call]
            if self._held[tenant] >= self._caps[tenant]:
                self._aside[tenant].append(call)
            else:
                self.waiting -= 1
                self._start(now, call, tenant, scheduled=False)

    def cut(self, now: float, call: int) -> None:
        """Take back what a call held that was lost with its pod."""
        if self.tokens is not None:
            self.tokens.settle(now, self._up)
        self._release(self._tenants[call])

    def call_again(self, at: float, call: int) -> None:
        """Let a caller come back, as the call that was last added to the ledger."""
        self._tenants.append(self._ledger.tenant_of(call))
        heappush(self._later, (at, call))

    def _offer(self, now: float, call: int) -> None:
        tenant = self._tenants[call]
        if self._line or self.tokens is not None:
            self.serve(now)
        reason: Reason
        if self._held[tenant] >= self._caps[tenant]:
            reason = AT_CAP
        elif self.tokens is not None and not self.tokens.suffices(self._up):
            reason = AT_TOKENS
        elif not self._pods.free:
            reason = AT_PODS
        else:
            self._start(now, call, tenant, scheduled=call < self._ledger.scheduled)
            return
        if self.waiting == self._depth:
            self._ledger.refused[call] = reason
            self.refused += 1
            return
        self.waiting += 1
        self._ledger.queued.append(call)
        if reason == AT_CAP:
            self._aside[tenant].append(call)
        else:
            heappush(self._line, (now, call))

    def _start(self, now: float, call: int, tenant: int, *, scheduled: bool) -> None:
        free = self._pods.free
        self._ledger.pod[call] = free.popleft()
        if not free:
            self._ledger.turns.append(now)
        self._held[tenant] += 1
        self._up += 1
        if not scheduled:
            end = now + self._ledger.hold_of(call)
            self._ledger.began[call] = now
            self._ledger.ended[call] = end
            heappush(self._later, (end, ~call))

    def _leave(self, now: float, call: int) -> None:
        if self.tokens is not None:
            self.tokens.settle(now, self._up)
        pod, pods = self._ledger.pod[call], self._pods
        if pods.accepting[pod]:
            if not pods.free:
                self._ledger.turns.append(now)
            pods.free.append(pod)
        else:
            pods.draining[pod] -= 1
        self._release(self._tenants[call])
        if self._line:
            self.serve(now)

    def _release(self, tenant: int) -> None:
        self._up -= 1
        self._held[tenant] -= 1
        if aside := self._aside.get(tenant):
            call = aside.popleft()
            heappush(self._line, (self._ledger.arrive_of(call), call))
