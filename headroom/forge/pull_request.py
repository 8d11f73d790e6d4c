"""One comment of a pull request, found by its first line and kept up to date; where no token may, the job's summary."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import requests
from github import Auth, Github, GithubException, GithubRetry
from github.Issue import Issue

GITHUB = "https://api.github.com"
LONGEST_WAIT_SECONDS = 300
"""For a rate limit that says when it ends; a job that waits longer costs more than a comment is worth."""
_RETRIES = 5
_ATTEMPTS = 3
_PAUSE_SECONDS = 1.0
_PAGE = 100
_MAY_NOT = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
"""What a token without the right to comment is answered; to one that may not even see a repository it does not exist."""


@dataclass(frozen=True)
class Posted:
    """Where the text went."""

    delivered: bool
    said: str


def post(text: str, environ: Mapping[str, str]) -> Posted:
    """Put a text where the change is discussed, and say where that was; it never raises for what the forge answers.

    Its first line is the marker by which the next one finds it. GITHUB_REPOSITORY, HEADROOM_PULL_REQUEST (a number) and
    GITHUB_TOKEN say where; GITHUB_API_URL is another server's. Where there is no token, or one that may not (that of a fork), the
    text is added to GITHUB_STEP_SUMMARY.
    """
    token, repository, number = (environ.get(name, "") for name in ("GITHUB_TOKEN", "GITHUB_REPOSITORY", "HEADROOM_PULL_REQUEST"))
    if not (token and repository and number.isdecimal()):
        return _summarised(text, environ, "no comment without GITHUB_TOKEN, GITHUB_REPOSITORY and HEADROOM_PULL_REQUEST")
    try:
        return Posted(delivered=True, said=_kept(text, environ.get("GITHUB_API_URL") or GITHUB, token, repository, int(number)))
    except GithubException as refused:
        said = refused.data.get("message") if isinstance(refused.data, dict) else refused.data
        reason = f"the forge answers {refused.status}: {said}"
        if refused.status in _MAY_NOT:
            return _summarised(text, environ, reason)
    except (requests.RequestException, OSError) as failed:
        reason = f"the forge does not answer ({type(failed).__name__})"
    return Posted(delivered=False, said=f"the comment could not be posted; {reason}")


def _kept(text: str, server: str, token: str, repository: str, number: int) -> str:
    """Edit the comment, or write it where there is none yet.

    A server that fails after it wrote has written: so every further attempt looks first.
    """
    # Rate limits are waited for by the client. Anything else is not sent again by it, or a comment would stand twice.
    retry = GithubRetry(
        total=_RETRIES,
        read=0,
        status_forcelist=[],
        max_rate_limit_wait=LONGEST_WAIT_SECONDS,
        retry_after_max=LONGEST_WAIT_SECONDS,
    )
    forge = Github(auth=Auth.Token(token), base_url=server, retry=retry, per_page=_PAGE, lazy=True)
    try:
        issue = forge.get_repo(repository).get_issue(number)
        for attempt in range(_ATTEMPTS):
            try:
                return _written(issue, text)
            except (GithubException, requests.RequestException) as failed:
                passing = not isinstance(failed, GithubException) or failed.status >= HTTPStatus.INTERNAL_SERVER_ERROR
                if not passing or attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(_PAUSE_SECONDS * (attempt + 1))
    finally:
        forge.close()
    raise AssertionError("the last attempt returns or raises")


def _written(issue: Issue, text: str) -> str:
    marker = text.partition("\n")[0]
    for comment in issue.get_comments():
        if not comment.body.startswith(marker):
            continue
        if comment.body.strip() == text.strip():
            return "the comment says it already"
        try:
            comment.edit(text)
        except GithubException as refused:
            if refused.status not in _MAY_NOT:
                raise
            continue  # somebody else's, or deleted meanwhile
        return "the comment is up to date"
    issue.create_comment(text)
    return "the comment is written"


def _summarised(text: str, environ: Mapping[str, str], reason: str) -> Posted:
    summary = environ.get("GITHUB_STEP_SUMMARY")
    if not summary:
        return Posted(delivered=False, said=f"the comment could not be posted; {reason}")
    try:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as failed:
        return Posted(delivered=False, said=f"the comment could not be posted; {reason}; nor the summary be written: {failed}")
    return Posted(delivered=True, said=f"written to the job's summary; {reason}")
