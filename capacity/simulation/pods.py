"""The pods of a running simulation: their free slots, where they stand, and which of them goes first."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from numpy.random import Generator

from capacity.simulation.day import Nodes


@dataclass
class Pods:
    """Pods by number, in the order in which they were placed.

    A call takes the slot that has been free longest. The slots of a pod that becomes ready are mixed in at random, so that a pod
    gets calls in proportion to its room.
    """

    sessions_each: int
    nodes: Nodes
    random: Generator
    free: deque[int] = field(default_factory=deque)
    """The pod of each free slot, longest free first; of ready pods only."""
    accepting: list[bool] = field(default_factory=list)
    ready: list[int] = field(default_factory=list)
    """Oldest first."""
    starting: list[int] = field(default_factory=list)
    dead: list[int] = field(default_factory=list)
    """Gone with their node and still counted: nobody has noticed."""
    unplaced: int = 0
    """Wanted, with no node that takes them."""
    draining: dict[int, int] = field(default_factory=dict)
    """Pods on their way out, with the calls that they still hold."""
    node_of: list[int] = field(default_factory=list)
    standing: list[int] = field(default_factory=list)
    """Pods on each node."""
    lost_nodes: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.standing = [0] * self.nodes.count

    @property
    def replicas(self) -> int:
        """What the autoscaler counts: all but those on their way out."""
        return len(self.ready) + len(self.starting) + len(self.dead) + self.unplaced

    @property
    def on_ready(self) -> int:
        """Sessions on pods that take calls: what the metric shows."""
        return len(self.ready) * self.sessions_each - len(self.free)

    @property
    def sessions(self) -> int:
        """All sessions that are up."""
        return self.on_ready + sum(self.draining.values())

    def place(self) -> list[int]:
        """Return the pods that found a node just now: each goes to the node with the fewest."""
        placed = []
        while self.unplaced:
            nodes = [node for node in range(self.nodes.count) if node not in self.lost_nodes]
            node = min(nodes, key=lambda number: self.standing[number], default=None)
            if node is None or (self.nodes.pods_each is not None and self.standing[node] >= self.nodes.pods_each):
                break
            self.unplaced -= 1
            self.standing[node] += 1
            placed.append(len(self.accepting))
            self.accepting.append(False)
            self.node_of.append(node)
        self.starting += placed
        return placed

    def open(self, pods: Sequence[int]) -> None:
        """Make pods ready that are still starting."""
        opened = [pod for pod in pods if pod in self.starting]
        if not opened:
            return
        for pod in opened:
            self.starting.remove(pod)
            self.ready.append(pod)
            self.accepting[pod] = True
        slots = [*self.free, *(pod for pod in opened for _ in range(self.sessions_each))]
        self.free.clear()
        self.free.extend(slots[index] for index in self.random.permutation(len(slots)).tolist())

    def shrink(self, count: int) -> list[int]:
        """Return the ready pods that begin to drain so that `count` pods go.

        As a ReplicaSet chooses: those without a node, those not ready, then the youngest.
        """
        drained = []
        for _ in range(count):
            if self.unplaced:
                self.unplaced -= 1
            elif self.starting:
                self._leave_node(self.starting.pop())
            elif self.dead:
                self.dead.pop()
            else:
                pod = self.ready[-1]
                self.draining[pod] = self._close(pod)
                drained.append(pod)
        return drained

    def remove_empty(self) -> None:
        """Let pods go whose last call has ended."""
        for pod in [pod for pod, calls in self.draining.items() if not calls]:
            self.remove(pod)

    def remove(self, pod: int) -> None:
        """Let a draining pod go, with whatever it still holds."""
        del self.draining[pod]
        self._leave_node(pod)

    def lose_node(self) -> tuple[list[int], list[int]]:
        """Return the pods that were lost with the fullest node: those that held calls, and those that count until replaced."""
        alive = [node for node in range(self.nodes.count) if node not in self.lost_nodes]
        if not alive:
            return [], []
        node = max(alive, key=lambda number: self.standing[number])
        self.lost_nodes.add(node)
        draining = [pod for pod in self.draining if self.node_of[pod] == node]
        ready = [pod for pod in self.ready if self.node_of[pod] == node]
        starting = [pod for pod in self.starting if self.node_of[pod] == node]
        for pod in ready:
            self._close(pod)
        for pod in draining:
            del self.draining[pod]
        for pod in starting:
            self.starting.remove(pod)
        self.dead += ready + starting
        return ready + draining, ready + starting

    def replace(self, pods: Sequence[int]) -> None:
        """Ask for new pods in place of those that are still missed."""
        for pod in pods:
            if pod in self.dead:
                self.dead.remove(pod)
                self.unplaced += 1

    def _close(self, pod: int) -> int:
        """Take a pod out of service and return the calls that it holds."""
        self.accepting[pod] = False
        self.ready.remove(pod)
        left = [slot for slot in self.free if slot != pod]
        calls = self.sessions_each - (len(self.free) - len(left))
        # In place: the loops over calls hold on to this very queue.
        self.free.clear()
        self.free.extend(left)
        return calls

    def _leave_node(self, pod: int) -> None:
        self.standing[self.node_of[pod]] -= 1
