"""Files of history that lie in S3: each is fetched to a temporary file, read like any other, and removed."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headroom.forecast.errors import BadHistory

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_SCHEME = "s3://"
_CHUNK = 1 << 20


def in_s3(path: Path) -> str | None:
    """Return the URL of an object in S3 that was given as a path; None where it is one of this machine."""
    # A path keeps one of the URL's two slashes.
    return _SCHEME + "/".join(path.parts[1:]) if path.parts[:1] == ("s3:",) else None


@contextmanager
def local_file(folder: Path, path: str) -> Iterator[Path]:
    """Yield the file at a path relative to the folder, or a copy of the object at `s3://bucket/key`, gone afterwards.

    Credentials, region and endpoint come from boto3's usual chain (AWS_PROFILE, AWS_ENDPOINT_URL, ...). Raises BadHistory, also
    where what reads the copy does, with the URL as the place, and without a credential.
    """
    if not path.startswith(_SCHEME):
        yield folder / path
        return
    bucket, _, key = path.removeprefix(_SCHEME).partition("/")
    suffix = Path(key).suffix
    if not bucket or suffix not in (".csv", ".parquet"):
        raise BadHistory(
            path, "is not an object to read", "Give s3://BUCKET/KEY.csv or s3://BUCKET/KEY.parquet; a manifest is a local file."
        )
    with tempfile.NamedTemporaryFile(prefix="headroom-", suffix=suffix) as copy:
        _fetch(path, bucket, key, copy)
        copy.flush()
        try:
            yield Path(copy.name)
        except BadHistory as error:
            where = path if error.where == copy.name else error.where
            raise BadHistory(where, error.what.replace(copy.name, path), error.remedy) from None


def _fetch(url: str, bucket: str, key: str, copy: Any) -> None:
    from boto3.session import Session
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        body = Session().client("s3").get_object(Bucket=bucket, Key=key)["Body"]
        shutil.copyfileobj(body, copy, _CHUNK)
    except ClientError as error:
        raise _refused(error, url, bucket, key) from None
    except (BotoCoreError, ValueError) as error:
        # Its kinds name no value; its texts may.
        remedy = "Check AWS_PROFILE, the credentials and their session (aws configure list), AWS_REGION and AWS_ENDPOINT_URL."
        raise BadHistory(url, f"cannot be fetched: {type(error).__name__}", remedy) from None
    except OSError as error:
        remedy = "Make room for temporary files, or set TMPDIR to a folder that has it."
        raise BadHistory(url, f"cannot be kept for reading: {error.strerror}", remedy) from None


def _refused(error: "ClientError", url: str, bucket: str, key: str) -> BadHistory:
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code == "NoSuchBucket":
        return BadHistory(url, f"there is no bucket {bucket!r}", "Correct its name, or AWS_ENDPOINT_URL.")
    if code == "NoSuchKey":
        return BadHistory(
            url, f"the bucket {bucket!r} has no object {key!r}", f"Correct the key: aws s3 ls s3://{bucket}/ shows them."
        )
    if code == "AccessDenied":
        remedy = (
            f"Allow s3:GetObject on arn:aws:s3:::{bucket}/{key} (without s3:ListBucket a missing object looks like this too)."
        )
        return BadHistory(url, "access is denied to whom the credentials belong", remedy)
    remedy = "Check the credentials (aws sts get-caller-identity), AWS_REGION and AWS_ENDPOINT_URL."
    return BadHistory(url, f"S3 refuses: {code}", remedy)
