"""prescale-covers-known-peaks: the floor stands before a peak that everybody knows will come."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from policies.autoscaler import maximum_field, week_of
from policies.evidence import Context, usable
from policies.figures import count, counts, exceeds, needed
from policies.fleet import Live, admitted_sessions, forecast_share, live_deployments, load_of, maximum_pods, pod_ceiling
from policies.lock import KnownPeak, Load, Lock
from policies.margins import ROOT, Margins, growth, margins, required
from policies.rule import Finding, Rule, each
from policies.scaled_object import SCALED_OBJECT, faults
from policies.schedule import Schedule, standing
from policies.stack import Identity, Place, Resource, Stack, field, find_object, identity, optional
from policies.workloads import pod_of

_CRON_JOB = "kubernetes:batch/v1:CronJob"
_ROLE = "kubernetes:rbac.authorization.k8s.io/v1:Role"
_ROLE_BINDING = "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding"
_WEEK_SECONDS = 7 * 86_400
"""The longest lag that is looked back over: no window's lead is that long."""
_DEADLINES = {"spec.startingDeadlineSeconds": 10, "spec.jobTemplate.spec.activeDeadlineSeconds": 30}
"""Kubernetes looks for jobs that are due each ten seconds; a pod's image may have to come first."""
_RENDER = "deploy what the program renders"


@dataclass(frozen=True)
class _Scaled:
    """A live Deployment with its autoscaler, and what its floor is held against."""

    live: Live
    autoscaler: Resource
    load: Load
    schedule: Schedule
    pod_sessions: int
    """Sessions that one pod holds and admits."""
    maximum: int
    lag: timedelta


def _prescale_covers_known_peaks(stack: Stack, context: Context) -> Iterator[Finding]:
    lock, floors = usable(context.lock), usable(context.floors)
    kept = margins(stack, floors)
    fleet = live_deployments(stack)

    def check(live: Live) -> Iterator[Finding]:
        load = load_of(lock, live)
        if live.autoscaler is not None:
            scaled = _Scaled(
                live,
                live.autoscaler,
                load,
                week_of(live.autoscaler),
                min(pod_ceiling(live, floors).guaranteed, admitted_sessions(live)),
                maximum_pods(live.deployment, live.autoscaler),
                _lag(stack, load),
            )
            yield from _floor_is_allowed(scaled)
            for peak in load.known_peaks:
                yield from _floor_stands(scaled, peak, lock, kept)

    def job(live: Live) -> Iterator[Finding]:
        if live.autoscaler is not None:
            yield from _week_is_kept(stack, live.autoscaler)

    yield from each(fleet, lambda live: live.name, check)
    yield from each(fleet, lambda live: live.name, job)


def _lag(stack: Stack, load: Load) -> timedelta:
    claim = field(stack.the_one(ROOT), "lagSeconds").number()
    return timedelta(seconds=min(max(load.lag_seconds, claim), _WEEK_SECONDS))


def _floor_is_allowed(scaled: _Scaled) -> Iterator[Finding]:
    highest, most = scaled.schedule.highest, scaled.maximum
    if highest > most:
        message = f"its schedule asks for {highest} replicas; its maximum is {most}, and the API refuses a floor above it"
        yield Finding(
            scaled.autoscaler.name, message, f"set {maximum_field(scaled.autoscaler)} to {highest}", highest, most, "replicas"
        )


def _floor_stands(scaled: _Scaled, peak: KnownPeak, lock: Lock, kept: Margins) -> Iterator[Finding]:
    name, what = scaled.autoscaler.name, f"the known peak of {scaled.live.vertical} on {peak.stretch}"
    if scaled.pod_sessions == 0:
        yield Finding(name, f"a pod holds no session of {what}", "give its pods more memory and processor time")
        return
    sessions, reason = _sessions(scaled, peak, lock, kept)
    lag = scaled.lag.total_seconds()
    pods = needed(sessions, scaled.pod_sessions)
    met = standing(scaled.schedule, peak.stretch, pods, lead=scaled.lag, first=lock.data_end, last=lock.valid_until)
    held = met.floor * scaled.pod_sessions
    remedy = f"let a window of {pods} replicas stand from {count(lag)} s before {peak.stretch}"
    if pods > scaled.maximum:
        remedy += f", and set {maximum_field(scaled.autoscaler)} to {pods}"
    if exceeds(sessions, held):
        must, have = counts(sessions, held)
        message = f"{what} needs {must} sessions at once ({reason}); its floor of {met.floor} pods holds {have}"
        yield Finding(name, message, remedy, sessions, held, "sessions")
    elif exceeds(lag, met.lead_seconds):
        stand = f"they stand {count(met.lead_seconds)} s before it"
        message = f"{what} needs {pods} pods {count(lag)} s before it begins; {stand}"
        yield Finding(name, message, remedy, lag, met.lead_seconds, "seconds")


def _sessions(scaled: _Scaled, peak: KnownPeak, lock: Lock, kept: Margins) -> tuple[float, str]:
    """Return the sessions that must find room at once in a known peak, and what makes them so many.

    Growth within the lag was seen at loads from a quarter of the peak on. At the top it would pass what the vertical must
    hold at all, so that is the most that a floor must hold.
    """
    load, grown = scaled.load, growth(lock, lock.valid_until, kept)
    share = forecast_share(scaled.live, load.peak)
    of_all = "" if share == 1 else f" x {share:.1%} of the vertical"
    sessions, most = peak.sessions * grown * load.lag_ratio, required(lock, load, lock.valid_until, kept)
    if sessions > most:
        return most * share, f"all that it must hold by {lock.valid_until}{of_all}"
    return sessions * share, f"{count(peak.sessions)} x {grown:.3f} growth x {load.lag_ratio:g} within the lag{of_all}"


def _week_is_kept(stack: Stack, autoscaler: Resource) -> Iterator[Finding]:
    if autoscaler.type != SCALED_OBJECT:
        yield from _job_can_run(stack, autoscaler)
        return
    for message, remedy in faults(autoscaler, week_of(autoscaler)):
        yield Finding(autoscaler.name, message, remedy)


def _job_can_run(stack: Stack, autoscaler: Resource) -> Iterator[Finding]:
    """Yield what keeps the job that sets the floor from doing it: every minute, with leave to get and patch the autoscaler."""
    scaled = identity(autoscaler)
    wanted = Identity(scaled.namespace, f"{scaled.name}-prescale")
    job = find_object(stack, _CRON_JOB, wanted)
    if job is None:
        yield Finding(autoscaler.name, f"no CronJob {wanted.namespace}/{wanted.name} sets its floor", _RENDER)
        return
    if field(job, "spec.schedule").text() != "* * * * *":
        yield Finding(job.name, "it does not run every minute", "set spec.schedule to * * * * *")
    suspended = optional(job, "spec.suspend")
    if suspended is not None and suspended.value is not False:
        yield Finding(job.name, "it is suspended", "set spec.suspend to false")
    for path, least in _DEADLINES.items():
        given = optional(job, path)
        if given is not None and given.number() < least:
            message = f"its {path} is {count(given.number())} s: its pods are ended, or never made, before they set the floor"
            yield Finding(job.name, message, f"set it to {least}", least, given.number(), "seconds")
    pod = pod_of(job)
    account = Identity(scaled.namespace, pod["serviceAccountName"].text())
    found = find_object(stack, "kubernetes:core/v1:ServiceAccount", account)
    if found is None:
        yield Finding(job.name, f"there is no ServiceAccount {account.namespace}/{account.name} for it", _RENDER)
    elif not _has_token(pod, found):
        message = "its pods have no token of their account: the API server answers them nothing"
        yield Finding(job.name, message, "set automountServiceAccountToken to true")
    granted = {verb for role in _roles(stack, account) for verb in _verbs(role, scaled.name)}
    if missing := sorted({"get", "patch"} - granted):
        message = f"its ServiceAccount {account.name} may not {' or '.join(missing)} the HorizontalPodAutoscaler {scaled.name}"
        yield Finding(job.name, message, "bind it to a Role with get and patch on that autoscaler")


def _has_token(pod: Place, account: Resource) -> bool:
    said = pod.get("automountServiceAccountToken") or optional(account, "automountServiceAccountToken")
    return said is None or said.value is True


def _roles(stack: Stack, account: Identity) -> Iterator[Resource]:
    for binding in stack.of_type(_ROLE_BINDING):
        if identity(binding).namespace != account.namespace or not _binds(binding, account):
            continue
        reference = field(binding, "roleRef")
        if reference["kind"].text() == "Role":
            role = find_object(stack, _ROLE, Identity(account.namespace, reference["name"].text()))
            if role is not None:
                yield role


def _binds(binding: Resource, account: Identity) -> bool:
    for subject in field(binding, "subjects").items():
        namespace = subject.get("namespace")
        if (
            subject["kind"].text() == "ServiceAccount"
            and subject["name"].text() == account.name
            and namespace is not None
            and namespace.text() == account.namespace
        ):
            return True
    return False


def _verbs(role: Resource, autoscaler: str) -> Iterator[str]:
    for rule in field(role, "rules").items():
        names = rule.get("resourceNames")
        if (
            "autoscaling" in _texts(rule["apiGroups"])
            and "horizontalpodautoscalers" in _texts(rule["resources"])
            and (names is None or not names.items() or autoscaler in _texts(names))
        ):
            yield from _texts(rule["verbs"])


def _texts(place: Place) -> list[str]:
    # An empty text is the core API group.
    return [str(item.value) for item in place.items()]


RULES = (
    Rule(
        name="prescale-covers-known-peaks",
        condition="Before every known peak, by the scaling lag, the week's floor holds its sessions; a job or KEDA can set it.",
        why="A peak that everybody knows of must find its pods standing: the autoscaler sees it only when callers wait.",
        reads="known_peaks of the lock; the week of an autoscaler (`headroom.dev/schedule`, or KEDA's cron triggers); its "
        "maximum; the pre-scale CronJob, its deadlines, account, token and role.",
        remedy="A window with enough replicas that stands in time: it is named.",
        check=_prescale_covers_known_peaks,
    ),
)
