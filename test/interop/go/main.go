// A client as users write it: grpc-go and the code that protoc-gen-go and protoc-gen-go-grpc generate from the relay's
// proto files. Prints what it saw of each case as a line of JSON.
//
//	buf generate ../../.. && go run . ADDRESS ../cases.json
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	relayv1 "example.com/you/gen/claude/relay/v1"
)

type cases struct {
	Model        string         `json:"model"`
	SilentModel  string         `json:"silent_model"`
	UnknownModel string         `json:"unknown_model"`
	Question     string         `json:"question"`
	ToolQuestion string         `json:"tool_question"`
	SchemaText   string         `json:"schema_text"`
	SchemaValue  map[string]any `json:"schema_value"`
	ToolResult   string         `json:"tool_result"`
	Beta         string         `json:"beta"`
	Extra        string         `json:"extra"`
}

type seen map[string]any

type client struct {
	relay relayv1.RelayServiceClient
	cases cases
}

func main() {
	bytes, err := os.ReadFile(os.Args[2])
	must(err)
	var c client
	must(json.Unmarshal(bytes, &c.cases))
	conn, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(err)
	defer conn.Close()
	c.relay = relayv1.NewRelayServiceClient(conn)

	for _, each := range []struct {
		name string
		play func(context.Context) (seen, error)
	}{
		{"unary", c.unary},
		{"cached", c.cached},
		{"stream", c.stream},
		{"tool_text", c.toolText},
		{"tool_value", c.toolValue},
		{"extra", c.extra},
		{"invalid", c.invalid},
		{"not_found", c.notFound},
		{"deadline", c.deadline},
		{"cancel", c.cancel},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		result, err := each.play(ctx)
		cancel()
		must(err)
		result["case"] = each.name
		line, err := json.Marshal(result)
		must(err)
		fmt.Println(string(line))
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func text(value string) *relayv1.ContentBlock {
	return &relayv1.ContentBlock{Block: &relayv1.ContentBlock_Text{Text: &relayv1.TextBlock{Text: value}}}
}

func user(content ...*relayv1.ContentBlock) *relayv1.MessageParam {
	return &relayv1.MessageParam{Role: "user", Content: content}
}

func (c *client) question() *relayv1.CompleteRequest {
	return &relayv1.CompleteRequest{
		Model:     c.cases.Model,
		MaxTokens: proto.Int32(1024),
		Messages:  []*relayv1.MessageParam{user(text(c.cases.Question))},
	}
}

func textOf(message *relayv1.Message) string {
	var all string
	for _, block := range message.GetContent() {
		all += block.GetText().GetText()
	}
	return all
}

// describe tells status, reason, domain and fields of a failed call: https://google.aip.dev/193
func describe(err error) seen {
	result := seen{"fields": []string{}}
	failed := status.Convert(err)
	result["code"] = codeName(failed)
	for _, detail := range failed.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			result["reason"], result["domain"] = detail.GetReason(), detail.GetDomain()
		case *errdetails.BadRequest:
			var fields []string
			for _, violation := range detail.GetFieldViolations() {
				fields = append(fields, violation.GetField())
			}
			result["fields"] = fields
		}
	}
	return result
}

// codeName spells a code as the gRPC specification does, which grpc-go does in none of its own forms.
func codeName(failed *status.Status) string {
	names := map[string]string{
		"Canceled": "CANCELLED", "InvalidArgument": "INVALID_ARGUMENT", "NotFound": "NOT_FOUND",
		"DeadlineExceeded": "DEADLINE_EXCEEDED",
	}
	if name, known := names[failed.Code().String()]; known {
		return name
	}
	return failed.Code().String()
}

func (c *client) refused(ctx context.Context, request *relayv1.CompleteRequest) (seen, error) {
	_, err := c.relay.Complete(ctx, request)
	if err == nil {
		return nil, errors.New("the call succeeded")
	}
	return describe(err), nil
}

func (c *client) unary(ctx context.Context) (seen, error) {
	response, err := c.relay.Complete(ctx, c.question())
	if err != nil {
		return nil, err
	}
	message := response.GetMessage()
	return seen{
		"text":          textOf(message),
		"stop_reason":   message.GetStopReason(),
		"input_tokens":  message.GetUsage().GetInputTokens(),
		"output_tokens": message.GetUsage().GetOutputTokens(),
		"attempts":      response.GetRelay().GetAttempts(),
	}, nil
}

func (c *client) cached(ctx context.Context) (seen, error) {
	response, err := c.relay.Complete(ctx, c.question())
	if err != nil {
		return nil, err
	}
	return seen{
		"text":         textOf(response.GetMessage()),
		"cache_status": response.GetRelay().GetCacheStatus().String(),
	}, nil
}

func (c *client) stream(ctx context.Context) (seen, error) {
	request := c.question()
	request.Relay = &relayv1.RelayOptions{Cache: &relayv1.CachePolicy{Mode: relayv1.CacheMode_CACHE_MODE_OFF}}
	call, err := c.relay.CompleteStream(ctx, request)
	if err != nil {
		return nil, err
	}
	var all string
	relay := []int{}
	last := ""
	for count := 0; ; count++ {
		event, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return seen{"text": all, "events": count, "relay": relay, "last": last}, nil
		}
		if err != nil {
			return nil, err
		}
		all += event.GetContentBlockDelta().GetDelta().GetTextDelta().GetText()
		if event.GetRelay() != nil {
			relay = append(relay, count)
		}
		last = "other"
		if event.GetMessageStop() != nil {
			last = "message_stop"
		}
	}
}

// useTool asks a question, gets the tool call that it leads to, sends the tool's result, and gets the answer.
func (c *client) useTool(ctx context.Context, inputSchema *relayv1.Json) (seen, error) {
	asked := user(text(c.cases.ToolQuestion))
	request := c.question()
	request.Messages = []*relayv1.MessageParam{asked}
	request.Tools = []*relayv1.Tool{{Tool: &relayv1.Tool_Custom{Custom: &relayv1.CustomTool{
		Name:        "get_weather",
		Description: proto.String("Current weather of a city."),
		InputSchema: inputSchema,
	}}}}
	response, err := c.relay.Complete(ctx, request)
	if err != nil {
		return nil, err
	}
	message := response.GetMessage()
	var toolUse *relayv1.ToolUseBlock
	for _, block := range message.GetContent() {
		if block.GetToolUse() != nil {
			toolUse = block.GetToolUse()
		}
	}
	result := &relayv1.ContentBlock{Block: &relayv1.ContentBlock_ToolResult{ToolResult: &relayv1.ToolResultBlock{
		ToolUseId: toolUse.GetId(),
		Content:   []*relayv1.ContentBlock{text(c.cases.ToolResult)},
	}}}
	request.Messages = []*relayv1.MessageParam{asked, {Role: "assistant", Content: message.GetContent()}, user(result)}
	answer, err := c.relay.Complete(ctx, request)
	if err != nil {
		return nil, err
	}
	return seen{
		"stop_reason": message.GetStopReason(),
		"input":       toolUse.GetInput().GetText(),
		"answer":      textOf(answer.GetMessage()),
	}, nil
}

func (c *client) toolText(ctx context.Context) (seen, error) {
	return c.useTool(ctx, &relayv1.Json{Form: &relayv1.Json_Text{Text: c.cases.SchemaText}})
}

func (c *client) toolValue(ctx context.Context) (seen, error) {
	value, err := structpb.NewValue(c.cases.SchemaValue)
	if err != nil {
		return nil, err
	}
	return c.useTool(ctx, &relayv1.Json{Form: &relayv1.Json_Value{Value: value}})
}

func (c *client) extra(ctx context.Context) (seen, error) {
	request := c.question()
	request.Extra = &relayv1.Json{Form: &relayv1.Json_Text{Text: c.cases.Extra}}
	request.Relay = &relayv1.RelayOptions{Betas: []string{c.cases.Beta}}
	response, err := c.relay.Complete(ctx, request)
	if err != nil {
		return nil, err
	}
	return seen{"text": textOf(response.GetMessage())}, nil
}

func (c *client) invalid(ctx context.Context) (seen, error) {
	request := c.question()
	request.MaxTokens = nil
	request.Messages = []*relayv1.MessageParam{user(&relayv1.ContentBlock{})}
	return c.refused(ctx, request)
}

func (c *client) notFound(ctx context.Context) (seen, error) {
	request := c.question()
	request.Model = c.cases.UnknownModel
	return c.refused(ctx, request)
}

func (c *client) deadline(ctx context.Context) (seen, error) {
	ctx, cancel := context.WithTimeout(ctx, 700*time.Millisecond)
	defer cancel()
	request := c.question()
	request.Model = c.cases.SilentModel
	return c.refused(ctx, request)
}

func (c *client) cancel(ctx context.Context) (seen, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	request := c.question()
	request.Model = c.cases.SilentModel
	call, err := c.relay.CompleteStream(ctx, request)
	if err != nil {
		return nil, err
	}
	for events := 0; ; events++ {
		if _, err := call.Recv(); err != nil {
			return seen{"code": codeName(status.Convert(err)), "events": events}, nil
		}
		cancel()
	}
}
