"""POST /v1/chat/completions."""

from litestar import post
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from domain.model.call import Call
from domain.model.chat import ChatParameters, ChatRequest
from domain.use_cases.complete_chat import CompleteChat
from domain.use_cases.stream_chat import StreamChat
from entrypoints.http.intake.reception import AnyRequest, Reception
from entrypoints.http.intake.request_reader import RequestReader
from entrypoints.http.openai_wire import ChatCompletion
from entrypoints.http.openapi import answers, takes
from entrypoints.http.sending.answers import completion_bytes
from entrypoints.http.sending.departure import while_caller_stays
from entrypoints.http.sending.headers import answer_headers
from entrypoints.http.sending.stream_writer import StreamTimes
from entrypoints.http.sending.streamed_answer import StreamedAnswer
from entrypoints.http.sending.whole_answer import WholeAnswer
from ports.clock import Clock


def chat_route(
    complete: CompleteChat,
    stream: StreamChat,
    reception: Reception,
    reader: RequestReader,
    clock: Clock,
    times: StreamTimes,
) -> HTTPRouteHandler:
    """The handler, over use cases that were resolved at start-up."""

    async def whole(request: AnyRequest, chat: ChatRequest, call: Call) -> ASGIApp:
        async with while_caller_stays(request.receive):
            completion = await complete(chat, call)
        return WholeAnswer(completion_bytes(completion), answer_headers(call, completion.provenance, clock.now()))

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
    async def create_chat_completion(request: AnyRequest) -> ASGIApp:
        body = await reception.body(request)
        chat, call = reader.chat(body), reception.call(request)
        reception.hand_over(request)
        if chat.parameters.stream is True:
            return StreamedAnswer(stream, chat, call, clock, times)
        return await whole(request, chat, call)

    return create_chat_completion
