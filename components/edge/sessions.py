"""What the object of a call is told; components/edge/worker/src/session/types.d.ts says what its parts mean."""

from typing import Any

from capacity.session_edge import RealtimeModel, Sessions


def session_limits(sessions: Sessions) -> dict[str, Any]:
    """Return the limits of one call, in the units of the script."""
    return {
        "batchMilliseconds": 0 if sessions.batch is None else round(sessions.batch * 1000),
        "resumeSeconds": sessions.resume,
        "parkSeconds": sessions.park,
        "silenceSeconds": sessions.silence,
        "openSeconds": sessions.open,
        "retrySeconds": sessions.retry,
        "marginSeconds": sessions.margin,
        "frameBytes": sessions.frame,
        "backlogBytes": sessions.backlog,
        "transcriptBytes": sessions.transcript,
        "audioBytes": sessions.audio,
        "quietSeconds": sessions.quiet,
        "latencyBuckets": [round(bound * 1000) for bound in sessions.latency_buckets],
    }


def realtime_vertical(model: RealtimeModel) -> dict[str, Any]:
    """Return what a vertical is told whose calls go to a model."""
    writer = {} if model.transcription is None else {"transcription": model.transcription}
    return {"upstream": model.url, "realtime": {"reopenSeconds": model.reopened_after, **writer}}
