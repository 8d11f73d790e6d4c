"""The two engines that are run here; other dialects are only compiled."""

from collections.abc import Iterator

import pytest

_LOCAL_SPARK = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "4",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
}


_JAVA = pytest.mark.needs("java", "apt-get install openjdk-17-jre-headless")


@pytest.fixture(scope="session", params=["duckdb://", pytest.param("pyspark://", marks=_JAVA)])
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the URL of each engine; Spark is told from outside, as users do, to stay on this machine."""
    settings = " ".join(f"--conf {name}={value}" for name, value in _LOCAL_SPARK.items())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_SUBMIT_ARGS", f"--master local[2] {settings} pyspark-shell")
        yield request.param
