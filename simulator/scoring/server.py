"""A server of one language model as its client sees it: when each token of an answer came.

Speaks to llama.cpp (`/completion`) and to what is compatible with OpenAI (`/v1/completions`), both streamed.
Prompts are token ids, random ones, so that no cache of prefixes helps, and answers have exactly the length asked for.
Whatever goes wrong is a SpecError of one line: the address, and what happened there.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import numpy as np

from simulator.spec.errors import Problem, SpecError, shown

T = TypeVar("T")
Api = Literal["llama.cpp", "openai"]
_SAFE_IDS = (100, 1000)  # every tokenizer has these, and none of them is special
_LLAMA_MARK = "total_slots"  # a key of llama.cpp's `/props`
_SAID = 160  # characters of an error's body that are shown


@dataclass(frozen=True, slots=True)
class Streamed:
    """One request: when it was sent, and when each of its tokens came, on one monotonic clock."""

    sent_s: float
    token_s: tuple[float, ...]

    @property
    def ttft_s(self) -> float:
        """Seconds to the first token."""
        return self.token_s[0] - self.sent_s

    @property
    def e2e_s(self) -> float:
        """Seconds to the last token."""
        return self.token_s[-1] - self.sent_s


@dataclass(frozen=True)
class Server:
    """Where a server answers, what it speaks, and what it says of itself; `slots` and `context_tok` where it does."""

    url: str
    api: Api
    model: str | None
    timeout_s: float
    slots: int | None = None
    context_tok: int | None = None
    vocab: int | None = None

    def ask(self, prompt: Sequence[int], output_tok: int, decoding: threading.Barrier | None = None) -> Streamed:
        """Send a prompt and wait for all tokens. SpecError for anything but an answer of `output_tok` tokens.

        With `decoding`, stop reading at the first token until all whom it waits for are so far.
        """
        body: dict[str, Any] = {"prompt": list(prompt), "stream": True, "temperature": 0, "ignore_eos": True}
        if self.api == "llama.cpp":
            path, body = "/completion", body | {"n_predict": output_tok, "cache_prompt": False}
        else:
            usage = {"include_usage": True}
            path, body = "/v1/completions", body | {"max_tokens": output_tok, "stream_options": usage}
            body |= {"model": self.model} if self.model else {}
        sent_s = time.perf_counter()
        token_s: list[float] = []
        counted = 0
        for event in self._events(path, body, sent_s + self.timeout_s):
            now_s = time.perf_counter()
            is_token, total = _told(self.api, event, self)
            if is_token:
                token_s.append(now_s)
            counted = total if total is not None else max(counted, len(token_s))
            if counted and not token_s:  # a token that is half a character is told with the next, or at the end
                token_s.append(now_s)
            if decoding is not None and len(token_s) == 1 and is_token:
                meet(decoding, self)
        if counted < output_tok or not token_s:
            raise self.error(f"answered {counted} tokens, not the {output_tok} asked for")
        return Streamed(sent_s, _spread(token_s, output_tok))

    def prompt(self, tok: int, seed: int) -> list[int]:
        """A prompt of `tok` random tokens, another one for each seed."""
        low, high = _SAFE_IDS if (self.vocab or 1000) >= 1000 else (self.vocab // 4, self.vocab)  # type: ignore[operator]
        return [int(each) for each in np.random.default_rng([seed, tok]).integers(low, high, tok)]

    def error(self, text: str) -> SpecError:
        """What is wrong with it, to be raised."""
        return SpecError([Problem(self.url, "", text)])

    def _events(self, path: str, body: Mapping[str, Any], until_s: float) -> Iterator[Any]:
        """The JSON of each event of a stream."""
        with _Exchange(self.url, path, body, until_s, self.timeout_s) as answer:
            kind = answer.headers.get_content_type()
            if kind != "text/event-stream":
                raise self.error(f"{path}: answered {kind}, not an event stream: {_start(answer)}")
            while line := _timely(answer.readline, self.url, path, until_s, self.timeout_s):
                said = line.strip()
                if said.startswith(b"data:") and (data := said[5:].strip()) != b"[DONE]":
                    yield _json(data, self.url, path)


def find_server(url: str, model: str | None = None, timeout_s: float = 60.0) -> Server:
    """The server at `url`, as it describes itself. SpecError where there is none that can be measured."""
    parts = urlsplit(url if "//" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SpecError([Problem(url, "", "not an address such as http://127.0.0.1:8080")])
    base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/v1')}"
    try:
        props = _get(base, "/props", timeout_s)
        is_llama = isinstance(props, dict) and _LLAMA_MARK in props
    except _RefusedError:
        is_llama = False
    models = _get(base, "/v1/models", timeout_s)
    known = [each for each in models.get("data", ()) if isinstance(each, dict)] if isinstance(models, dict) else []
    names = [str(each.get("id")) for each in known]
    if model is not None and names and model not in names and not is_llama:
        raise SpecError([Problem(base, "", f"no model {model!r} among {', '.join(names[:8])}")])
    if not is_llama:
        return Server(base, "openai", model or (names[0] if names else None), timeout_s)
    meta = known[0].get("meta") or {} if known else {}
    context = props.get("default_generation_settings", {}).get("n_ctx")
    name = model or (names[0] if names else None)
    return Server(base, "llama.cpp", name, timeout_s, props[_LLAMA_MARK], context, meta.get("n_vocab"))


def together(asks: Sequence[Callable[[], Streamed]]) -> list[Streamed]:
    """What these requests give that are sent at once. Raises the first error at once, and waits for nobody then."""
    given: dict[int, Streamed] = {}
    errors: list[Exception] = []

    def do(i: int) -> None:
        try:
            given[i] = asks[i]()
        except Exception as error:  # raised below, in the thread that asked
            errors.append(error)

    threads = [threading.Thread(target=do, args=(i,), daemon=True) for i in range(len(asks))]
    for thread in threads:
        thread.start()
    while not errors and any(thread.is_alive() for thread in threads):
        for thread in threads:
            thread.join(0.05)
    if errors:
        raise errors[0]
    return [given[i] for i in range(len(asks))]


class _RefusedError(SpecError):
    """An HTTP status that is no success."""


def _get(base: str, path: str, timeout_s: float) -> Any:
    until_s = time.perf_counter() + timeout_s
    with _Exchange(base, path, None, until_s, timeout_s) as answer:
        return _json(_timely(answer.read, base, path, until_s, timeout_s), base, path)


class _Exchange:
    """One request and its answer's head; a context that closes the connection."""

    def __init__(self, url: str, path: str, body: Mapping[str, Any] | None, until_s: float, timeout_s: float) -> None:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        self._connection = (http.client.HTTPSConnection if secure else http.client.HTTPConnection)(
            parts.hostname or "", parts.port, timeout=timeout_s
        )
        self._url, self._path, self._until_s, self._timeout_s = url, path, until_s, timeout_s
        self._sent = None if body is None else json.dumps(body).encode()
        self._target = parts.path + path

    def __enter__(self) -> http.client.HTTPResponse:
        try:
            answer = _timely(self._answer, self._url, self._path, self._until_s, self._timeout_s)
            if answer.status >= 300:
                said = f"HTTP {answer.status} {answer.reason}: {_start(answer)}"
                raise _RefusedError([Problem(self._url, "", f"{self._path}: {said}")])
        except BaseException:
            self._connection.close()
            raise
        return answer

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def _answer(self) -> http.client.HTTPResponse:
        self._connection.connect()
        assert self._connection.sock is not None
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        headers = {"Content-Type": "application/json"} if self._sent is not None else {}
        self._connection.request("GET" if self._sent is None else "POST", self._target, self._sent, headers)
        return self._connection.getresponse()


def _timely(do: Callable[[], T], url: str, path: str, until_s: float, timeout_s: float) -> T:
    """What `do` gives, with all the ways in which a connection fails as one line each."""
    try:
        done = do()
    except TimeoutError:
        raise SpecError([Problem(url, "", f"{path}: no answer within {timeout_s:g} s")]) from None
    except socket.gaierror as error:
        raise SpecError([Problem(url, "", f"no such host: {error.strerror}")]) from None
    except (OSError, http.client.HTTPException) as error:
        what = getattr(error, "strerror", None) or f"{type(error).__name__} {error}".strip()
        raise SpecError([Problem(url, "", f"{path}: {what}")]) from None
    if time.perf_counter() > until_s:
        raise SpecError([Problem(url, "", f"{path}: not finished within {timeout_s:g} s")])
    return done


def meet(decoding: threading.Barrier, server: Server) -> None:
    """Wait until all requests of a burst decode. SpecError where they never do."""
    try:
        decoding.wait(server.timeout_s)
    except threading.BrokenBarrierError:
        raise server.error(f"{decoding.parties - 1} requests did not decode together") from None


def _json(data: bytes, url: str, path: str) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        raise SpecError([Problem(url, "", f"{path}: not JSON: {shown(data.decode(errors='replace'))}")]) from None


def _start(answer: http.client.HTTPResponse) -> str:
    """The beginning of a body, for people."""
    try:
        return answer.read(_SAID).decode(errors="replace").strip() or "no text"
    except (OSError, http.client.HTTPException):
        return "no text"


def _told(api: Api, event: Any, server: Server) -> tuple[bool, int | None]:
    """Whether an event brings a token, and the number of tokens so far where it says that."""
    if not isinstance(event, dict):
        raise server.error(f"an event that is no object: {shown(event)}")
    if "error" in event:
        raise server.error(f"error while answering: {shown(str(event['error']))}")
    if api == "llama.cpp":
        return not event.get("stop", False), event.get("tokens_predicted")
    usage = event.get("usage") or {}
    return bool(event.get("choices")) and "text" in event["choices"][0], usage.get("completion_tokens")


def _spread(token_s: list[float], output_tok: int) -> tuple[float, ...]:
    """Times of all tokens: where an event brought several, or one more came that only ends the stream."""
    if len(token_s) >= output_tok:
        return tuple(token_s[:output_tok])
    at = np.linspace(0, len(token_s) - 1, output_tok)
    return tuple(np.interp(at, np.arange(len(token_s)), token_s).tolist())
