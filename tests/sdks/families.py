"""One way to ask through every SDK, so that what must hold for all of them is tested with all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import anthropic
import cohere
import cohere.errors
import fireworks
import groq
import httpx
import httpx2
import ollama
import openai
import perplexity
import together
import volcenginesdkarkruntime as ark  # type: ignore[import-untyped]
from cohere.core import ApiError as CohereApiError
from dashscope import AioGeneration
from dashscope.api_entities.aio_session import close_shared_aio_session
from google import genai
from google.genai import errors as google_errors
from google.genai import types
from mistralai.client import Mistral
from mistralai.client import errors as mistral_errors
from mistralai.client.utils import RetryConfig
from openrouter import OpenRouter
from openrouter import errors as openrouter_errors
from openrouter.utils import RetryConfig as OpenRouterRetryConfig
from volcenginesdkarkruntime import _exceptions as ark_errors
from zai import ZaiClient
from zai.core import _errors as zai_errors

from tests.sdks.common import ASK

Errors = Mapping[int, type[Exception]]


class Talk(NamedTuple):
    """A client in use: `ask` for a whole answer, `first` for a stream's first event, and then to leave."""

    ask: Callable[[str], Awaitable[Any]]
    first: Callable[[str], Awaitable[Any]]


@dataclass(frozen=True)
class Family:
    """One SDK with its vendor. `errors` are its classes by status; other statuses have the class of 0.

    `open` takes the base URL, a token, and how many seconds the SDK shall wait for an answer.
    """

    vendor: str
    name: str
    open: Callable[[str, str, float], AbstractAsyncContextManager[Talk]]
    errors: Errors
    status: Callable[[Any], int]
    timed_out: tuple[type[Exception], ...]

    def __str__(self) -> str:
        return self.name

    def error(self, status: int) -> type[Exception]:
        """What the SDK raises for the status."""
        return self.errors.get(status, self.errors[0])


async def _first(events: AsyncIterator[Any]) -> Any:
    return await anext(events)


def _of_one_generator(vendor: str, name: str, make: Any, errors: Any, prefix: str = "") -> Family:
    """The SDKs that Stainless generates, and Volcengine's, which is of the same form."""

    @asynccontextmanager
    async def opened(url: str, token: str, timeout: float) -> AsyncIterator[Talk]:
        async with make(base_url=url, api_key=token, max_retries=0, timeout=timeout) as client:
            create = client.chat.completions.create

            async def first(model: str) -> Any:
                stream = await create(model=model, messages=ASK, stream=True)
                found = await _first(aiter(stream))
                await stream.close()
                return found

            yield Talk(lambda model: create(model=model, messages=ASK), first)

    def named(kind: str) -> Any:
        return getattr(errors, prefix + kind)

    by_status = {
        0: named("APIStatusError"),
        400: named("BadRequestError"),
        401: named("AuthenticationError"),
        403: named("PermissionDeniedError"),
        404: named("NotFoundError"),
        422: named("UnprocessableEntityError"),
        429: named("RateLimitError"),
        **dict.fromkeys((500, 502, 503, 504), named("InternalServerError")),
    }
    return Family(
        vendor, name, opened, by_status, lambda error: error.status_code, (named("APITimeoutError"),)
    )


@asynccontextmanager
async def _anthropic(url: str, token: str, timeout: float) -> AsyncIterator[Talk]:
    client = anthropic.AsyncAnthropic(base_url=url, api_key=token, max_retries=0, timeout=timeout)
    async with client:
        create: Any = client.messages.create

        async def first(model: str) -> Any:
            async with await create(model=model, max_tokens=9, messages=ASK, stream=True) as stream:
                return await _first(aiter(stream))

        yield Talk(lambda model: create(model=model, max_tokens=9, messages=ASK), first)


@asynccontextmanager
async def _google(url: str, token: str, timeout: float) -> AsyncIterator[Talk]:
    options = types.HttpOptions(base_url=url, timeout=int(timeout * 1000))
    client = genai.Client(api_key=token, http_options=options)

    async def first(model: str) -> Any:
        stream: Any = await client.aio.models.generate_content_stream(model=model, contents="hi")
        async with aclosing(stream):
            return await _first(stream)

    try:
        yield Talk(lambda model: client.aio.models.generate_content(model=model, contents="hi"), first)
    finally:
        await client.aio.aclose()
        client.close()


@asynccontextmanager
async def _mistral(url: str, token: str, timeout: float) -> AsyncIterator[Talk]:
    once: Any = RetryConfig("none", None, False)  # type: ignore[arg-type]
    async with Mistral(
        api_key=token, server_url=url, retry_config=once, timeout_ms=int(timeout * 1000)
    ) as client:

        async def first(model: str) -> Any:
            async with await client.chat.stream_async(model=model, messages=ASK) as stream:
                return await _first(aiter(stream))

        yield Talk(lambda model: client.chat.complete_async(model=model, messages=ASK), first)


@asynccontextmanager
async def _openrouter(url: str, token: str, timeout: float) -> AsyncIterator[Talk]:
    once: Any = OpenRouterRetryConfig("none", None, False)  # type: ignore[arg-type]
    async with OpenRouter(
        api_key=token, server_url=url, retry_config=once, timeout_ms=int(timeout * 1000)
    ) as client:

        async def first(model: str) -> Any:
            stream: Any = await client.chat.send_async(model=model, messages=ASK, stream=True)
            async with stream:
                return await _first(aiter(stream))

        yield Talk(lambda model: client.chat.send_async(model=model, messages=ASK), first)


@asynccontextmanager
async def _cohere(url: str, token: str, timeout: float) -> AsyncIterator[Talk]:
    async with cohere.AsyncClientV2(api_key=token, base_url=url, max_retries=0, timeout=timeout) as client:

        async def first(model: str) -> Any:
            stream: Any = client.chat_stream(model=model, messages=ASK)
            async with aclosing(stream):
                return await _first(stream)

        yield Talk(lambda model: client.chat(model=model, messages=ASK), first)


@asynccontextmanager
async def _ollama(url: str, token: str, timeout: float) -> AsyncIterator[Talk]:
    client = ollama.AsyncClient(host=url, headers={"Authorization": f"Bearer {token}"}, timeout=timeout)

    async def first(model: str) -> Any:
        stream: Any = await client.chat(model=model, messages=ASK, stream=True)
        async with aclosing(stream):
            return await _first(stream)

    try:
        yield Talk(lambda model: client.chat(model=model, messages=ASK), first)
    finally:
        await client._client.aclose()


class DashScopeError(Exception):
    """DashScope's SDK raises nothing: an answer that is no success becomes this."""

    def __init__(self, answer: Any) -> None:
        super().__init__(f"{answer.code}: {answer.message}")
        self.status = answer.status_code


@asynccontextmanager
async def _dashscope(url: str, token: str, timeout: float) -> AsyncIterator[Talk]:
    given: dict[str, Any] = {"messages": ASK, "api_key": token, "result_format": "message"}
    given |= {"base_address": f"{url}/api/v1", "request_timeout": timeout}

    def good(answer: Any) -> Any:
        if answer.status_code != 200:
            raise DashScopeError(answer)
        return answer

    async def ask(model: str) -> Any:
        return good(await AioGeneration.call(model=model, **given))

    async def first(model: str) -> Any:
        stream: Any = await AioGeneration.call(model=model, stream=True, **given)
        return good(await _first(stream))

    try:
        yield Talk(ask, first)
    finally:
        await close_shared_aio_session()


@asynccontextmanager
async def _zai(url: str, token: str, timeout: float) -> AsyncIterator[Talk]:
    """It has a synchronous client only."""
    with ZaiClient(base_url=url, api_key=token, max_retries=0, timeout=timeout) as client:
        create: Any = client.chat.completions.create

        def take_one(model: str) -> Any:
            stream = create(model=model, messages=ASK, stream=True)
            found = next(iter(stream))
            stream.response.close()
            return found

        yield Talk(
            lambda model: asyncio.to_thread(create, model=model, messages=ASK),
            lambda model: asyncio.to_thread(take_one, model),
        )


_COHERE: Errors = {
    0: CohereApiError,
    400: cohere.errors.BadRequestError,
    401: cohere.errors.UnauthorizedError,
    403: cohere.errors.ForbiddenError,
    404: cohere.errors.NotFoundError,
    422: cohere.errors.UnprocessableEntityError,
    429: cohere.errors.TooManyRequestsError,
    500: cohere.errors.InternalServerError,
    503: cohere.errors.ServiceUnavailableError,
    504: cohere.errors.GatewayTimeoutError,
}
_OPENROUTER: Errors = {
    0: openrouter_errors.OpenRouterError,
    400: openrouter_errors.BadRequestResponseError,
    401: openrouter_errors.UnauthorizedResponseError,
    404: openrouter_errors.NotFoundResponseError,
    429: openrouter_errors.TooManyRequestsResponseError,
    500: openrouter_errors.InternalServerResponseError,
    502: openrouter_errors.BadGatewayResponseError,
    503: openrouter_errors.ServiceUnavailableResponseError,
}
_ZAI: Errors = {
    0: zai_errors.APIStatusError,
    400: zai_errors.APIRequestFailedError,
    401: zai_errors.APIAuthenticationError,
    429: zai_errors.APIReachLimitError,
    500: zai_errors.APIInternalError,
    503: zai_errors.APIServerFlowExceedError,
}
_GOOGLE: Errors = {
    0: google_errors.ClientError,
    **dict.fromkeys((500, 502, 503, 504), google_errors.ServerError),
}
_HTTPX = (httpx.TimeoutException, httpx2.TimeoutException)

FAMILIES = (
    _of_one_generator("openai", "openai", openai.AsyncOpenAI, openai),
    _of_one_generator("groq", "groq", groq.AsyncGroq, groq),
    _of_one_generator("together", "together", together.AsyncTogether, together),
    _of_one_generator("fireworks", "fireworks", fireworks.AsyncFireworks, fireworks),
    _of_one_generator("perplexity", "perplexity", perplexity.AsyncPerplexity, perplexity),
    _of_one_generator("doubao", "ark", ark.AsyncArk, ark_errors, "Ark"),
    Family(
        "anthropic",
        "anthropic",
        _anthropic,
        {
            0: anthropic.APIStatusError,
            400: anthropic.BadRequestError,
            401: anthropic.AuthenticationError,
            403: anthropic.PermissionDeniedError,
            404: anthropic.NotFoundError,
            422: anthropic.UnprocessableEntityError,
            429: anthropic.RateLimitError,
            500: anthropic.InternalServerError,
            502: anthropic.InternalServerError,
        },
        lambda error: int(error.status_code),
        (anthropic.APITimeoutError,),
    ),
    Family("google", "google-genai", _google, _GOOGLE, lambda error: int(error.code), (TimeoutError,)),
    Family(
        "mistral",
        "mistralai",
        _mistral,
        {0: mistral_errors.MistralError},
        lambda error: int(error.status_code),
        _HTTPX,
    ),
    Family("cohere", "cohere", _cohere, _COHERE, lambda error: int(error.status_code), _HTTPX),
    Family(
        "openrouter", "openrouter", _openrouter, _OPENROUTER, lambda error: int(error.status_code), _HTTPX
    ),
    Family(
        "ollama",
        "ollama",
        _ollama,
        {0: ollama.ResponseError},
        lambda error: int(error.status_code),
        _HTTPX,
    ),
    Family("zhipu", "zai", _zai, _ZAI, lambda error: int(error.status_code), (zai_errors.APITimeoutError,)),
    Family(
        "dashscope",
        "dashscope",
        _dashscope,
        {0: DashScopeError},
        lambda error: int(error.status),
        (TimeoutError,),
    ),
)
