"""POST /v1/chat/completions."""

from litestar import post
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from domain.model.chat import ChatParameters
from domain.use_cases.complete_chat import CompleteChat
from domain.use_cases.stream_chat import StreamChat
from entrypoints.http.intake.reception import Reception
from entrypoints.http.intake.request_reader import RequestReader
from entrypoints.http.openai_wire import ChatCompletion
from entrypoints.http.openapi import answers, takes
from entrypoints.http.scope import visit_of
from entrypoints.http.sending.answers import completion_bytes
from entrypoints.http.sending.departure import while_caller_stays
from entrypoints.http.sending.headers import answer_headers
from entrypoints.http.sending.stream_writer import StreamTimes
from entrypoints.http.sending.streamed_answer import StreamedAnswer
from entrypoints.http.sending.whole_answer import send_whole
from ports.clock import Clock


class ChatCompletions:
    """The ASGI application behind the route, over use cases that were resolved at start-up."""

    def __init__(
        self,
        complete: CompleteChat,
        stream: StreamChat,
        reception: Reception,
        reader: RequestReader,
        clock: Clock,
        times: StreamTimes,
    ) -> None:
        self._complete = complete
        self._stream = stream
        self._reception = reception
        self._reader = reader
        self._clock = clock
        self._times = times

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI. Raises GatewayError before anything was sent."""
        visit = visit_of(scope)
        body = await self._reception.body(visit, receive)
        chat = await self._reader.chat(body)
        call = self._reception.call(visit)
        visit.handed_over = True
        if chat.parameters.stream is True:
            await StreamedAnswer(self._stream, chat, call, self._clock, self._times).send(visit, receive, send)
            return
        with while_caller_stays(visit, receive):
            completion = await self._complete(chat, call)
        headers = answer_headers(call, completion.provenance, self._clock.now())
        await send_whole(send, completion_bytes(completion), headers)


def chat_route(endpoint: ChatCompletions) -> HTTPRouteHandler:
    """The route, and what the OpenAPI document says of it."""

    @post(
        "/chat/completions",
        status_code=200,
        operation="chat",
        operation_class=takes(ChatParameters),
        responses=answers(ChatCompletion, streams=True),
        summary="Answer a chat",
        description="OpenAI chat completions. Fields that are not listed travel to an OpenAI-speaking provider as "
        "they are. With `stream: true` the answer is server-sent events of `ChatCompletionChunk`, ended by "
        "`data: [DONE]` or, when the provider failed, by one event with an `error` and nothing behind it.",
        tags=["chat"],
    )
    async def create_chat_completion() -> ASGIApp:
        return endpoint

    return create_chat_completion
