"""A client as users write it: grpcio and the stubs that grpcio-tools generates from the relay's proto files.

Prints what it saw of each case as a line of JSON. Usage: PYTHONPATH=STUBS python client.py ADDRESS CASES_FILE
"""

import json
import sys

import grpc
from claude.relay.v1 import content_pb2, json_pb2, message_pb2, relay_pb2, relay_service_pb2_grpc, tool_pb2
from claude.relay.v1.relay_service_pb2 import CompleteRequest
from google.protobuf import json_format, struct_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status

address, cases_file = sys.argv[1:]
with open(cases_file, encoding="utf-8") as file:
    cases = json.load(file)
relay = relay_service_pb2_grpc.RelayServiceStub(grpc.insecure_channel(address))


def text(value):
    return content_pb2.ContentBlock(text=content_pb2.TextBlock(text=value))


def user(*content):
    return message_pb2.MessageParam(role="user", content=content)


def question(**fields):
    request = {"model": cases["model"], "max_tokens": 1024, "messages": [user(text(cases["question"]))]}
    return CompleteRequest(**{**request, **fields})


def text_of(message):
    return "".join(block.text.text for block in message.content)


def describe(error):
    """Status, reason, domain and fields of a failed call: https://google.aip.dev/193"""
    seen = {"code": error.code().name, "fields": []}
    status = rpc_status.from_call(error)
    for detail in status.details if status else []:
        info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if detail.Unpack(info):
            seen.update(reason=info.reason, domain=info.domain)
        elif detail.Unpack(bad_request):
            seen["fields"] = [violation.field for violation in bad_request.field_violations]
    return seen


def refused(request, timeout=30):
    try:
        relay.Complete(request, timeout=timeout)
    except grpc.RpcError as error:
        return describe(error)
    raise AssertionError("the call succeeded")


def unary():
    response = relay.Complete(question(), timeout=30)
    message = response.message
    return {
        "text": text_of(message),
        "stop_reason": message.stop_reason,
        "input_tokens": message.usage.input_tokens,
        "output_tokens": message.usage.output_tokens,
        "attempts": response.relay.attempts,
    }


def cached():
    response = relay.Complete(question(), timeout=30)
    status = relay_pb2.CacheStatus.Name(response.relay.cache_status)
    return {"text": text_of(response.message), "cache_status": status}


def stream():
    options = relay_pb2.RelayOptions(cache=relay_pb2.CachePolicy(mode=relay_pb2.CACHE_MODE_OFF))
    events = list(relay.CompleteStream(question(relay=options), timeout=30))
    return {
        "text": "".join(event.content_block_delta.delta.text_delta.text for event in events),
        "events": len(events),
        "relay": [place for place, event in enumerate(events) if event.HasField("relay")],
        "last": events[-1].WhichOneof("event"),
    }


def use_tool(input_schema):
    """A question, the tool call that it leads to, the tool's result, and the answer."""
    tool = tool_pb2.CustomTool(name="get_weather", description="Current weather of a city.", input_schema=input_schema)
    tools = [tool_pb2.Tool(custom=tool)]
    asked = user(text(cases["tool_question"]))
    message = relay.Complete(question(tools=tools, messages=[asked]), timeout=30).message
    tool_use = next(block.tool_use for block in message.content if block.HasField("tool_use"))
    result = content_pb2.ToolResultBlock(tool_use_id=tool_use.id, content=[text(cases["tool_result"])])
    messages = [
        asked,
        message_pb2.MessageParam(role="assistant", content=message.content),
        user(content_pb2.ContentBlock(tool_result=result)),
    ]
    answer = relay.Complete(question(tools=tools, messages=messages), timeout=30).message
    return {"stop_reason": message.stop_reason, "input": tool_use.input.text, "answer": text_of(answer)}


def tool_text():
    return use_tool(json_pb2.Json(text=cases["schema_text"]))


def tool_value():
    return use_tool(json_pb2.Json(value=json_format.ParseDict(cases["schema_value"], struct_pb2.Value())))


def extra():
    options = relay_pb2.RelayOptions(betas=[cases["beta"]])
    request = question(extra=json_pb2.Json(text=cases["extra"]), relay=options)
    return {"text": text_of(relay.Complete(request, timeout=30).message)}


def invalid():
    return refused(question(max_tokens=None, messages=[user(content_pb2.ContentBlock())]))


def not_found():
    return refused(question(model=cases["unknown_model"]))


def deadline():
    return refused(question(model=cases["silent_model"]), timeout=0.7)


def cancel():
    call = relay.CompleteStream(question(model=cases["silent_model"]), timeout=30)
    events = 0
    try:
        for _ in call:
            events += 1
            call.cancel()
    except grpc.RpcError as error:
        return {"code": error.code().name, "events": events}
    raise AssertionError("the call succeeded")


for play in (unary, cached, stream, tool_text, tool_value, extra, invalid, not_found, deadline, cancel):
    print(json.dumps({"case": play.__name__, **play()}), flush=True)
