"""The remote cache: a Redis server, used with GET, SET and a sorted set; it needs no configuration."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cc_otel.agent.summary.cache import CacheStats, CacheUnavailable, Sentence

TIMEOUT_S: Final = 0.4
"""Longest wait for the server, s, twice at most: a slow answer is worth less than none."""

PREFIX: Final = "cc-otel:summary:"
INDEX: Final = "cc-otel:summaries"
"""A sorted set of all our keys by the time they were written: what a limit and `clear` need. No KEYS, no CONFIG."""

CLEAR_STEP: Final = 1000


class RedisCache:
    """Sentences in Redis, limited by age and number; the oldest are evicted first."""

    def __init__(self, url: str, *, age_max_s: float, sentences_max: int) -> None:
        """
        Take the server's address; it is called when it is needed.

        Raises:
            CacheUnavailable: the URL is not valid.

        """
        self._age_max_s = age_max_s
        self._sentences_max = sentences_max
        try:
            parts = urlsplit(url)
            self._name = f"redis {parts.hostname}:{parts.port or 6379}"
            self._redis = _connect(url)
        except ValueError:
            # The error's own words may hold a part of the password.
            raise CacheUnavailable("cache_url is no address: write redis://[USER:PASSWORD@]HOST:PORT/0") from None

    def get(self, keys: Sequence[str]) -> dict[str, Sentence]:
        """Return the cached sentences for these keys; the server expires old ones itself."""
        values = self._run(lambda server: server.mget([PREFIX + key for key in keys]))
        pairs = zip(keys, values, strict=True)
        return {key: sentence for key, value in pairs if value and (sentence := _read(value))}

    def put(self, sentences: Mapping[str, Sentence]) -> None:
        """Keep sentences, over what was kept under their keys."""
        now_s = time.time()

        def write(server: redis.Redis) -> None:
            pipe = server.pipeline(transaction=False)
            for key, sentence in sentences.items():
                value = orjson.dumps({"text": sentence.text, "model": sentence.model})
                pipe.set(PREFIX + key, value, ex=max(int(self._age_max_s), 1))
                pipe.zadd(INDEX, {key: now_s})
            pipe.zremrangebyscore(INDEX, "-inf", now_s - self._age_max_s)
            pipe.zrange(INDEX, 0, -self._sentences_max - 1)
            surplus = pipe.execute()[-1]
            if surplus:
                self._forget(surplus, server)

        self._run(write)

    def stats(self) -> CacheStats:
        """Return what it holds; its bytes are the server's to know and are given as 0."""
        first = self._run(lambda server: (server.zcard(INDEX), server.zrange(INDEX, 0, 0, withscores=True)))
        count, oldest = first
        return CacheStats(self._name, int(count), 0, float(oldest[0][1]) if oldest else None)

    def clear(self) -> int:
        """Delete every entry of ours. Return the number deleted."""
        gone = 0
        while keys := self._run(lambda server: server.zrange(INDEX, 0, CLEAR_STEP - 1)):
            self._run(partial(self._forget, keys))
            gone += len(keys)
        return gone

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def _forget(self, keys: Sequence[Any], server: redis.Redis) -> None:
        pipe = server.pipeline(transaction=False)
        pipe.unlink(*(PREFIX.encode() + key for key in keys))
        pipe.zrem(INDEX, *keys)
        pipe.execute()

    def _run(self, work: Callable[[redis.Redis], Any]) -> Any:
        try:
            return work(self._redis)
        except (redis.RedisError, OSError) as error:
            raise CacheUnavailable(f"{self._name}: {type(error).__name__}: {error}") from error


def _connect(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        # One new try, at once, for a connection that the server has closed in the meantime.
        retry=Retry(NoBackoff(), 1),
        client_name="cc-otel",
    )


def _read(value: bytes) -> Sentence | None:
    try:
        stored = orjson.loads(value)
        return Sentence(str(stored["text"]), str(stored["model"]))
    except (ValueError, TypeError, KeyError):
        return None
