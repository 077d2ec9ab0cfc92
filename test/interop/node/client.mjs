// A client as users write it: @grpc/grpc-js and the relay's proto files, none of the relay's own code.
// Prints what it saw of each case as a line of JSON. Usage: RELAY_PROTO=FOLDER node client.mjs ADDRESS CASES_FILE
import { readFileSync } from 'node:fs';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const [address, casesFile] = process.argv.slice(2);
const cases = JSON.parse(readFileSync(casesFile, 'utf8'));

const definitions = loadSync(
  ['claude/relay/v1/relay_service.proto', 'google/rpc/status.proto', 'google/rpc/error_details.proto'],
  { includeDirs: [process.env.RELAY_PROTO], keepCase: true, longs: Number, enums: String },
);
const { RelayService } = grpc.loadPackageDefinition(definitions).claude.relay.v1;
const client = new RelayService(address, grpc.credentials.createInsecure());

const text = (value) => ({ text: { text: value } });
const user = (...content) => ({ role: 'user', content });
const in30s = () => ({ deadline: Date.now() + 30_000 });

function complete(request, options = in30s()) {
  return new Promise((resolve, reject) => {
    client.Complete(request, options, (error, response) => (error ? reject(error) : resolve(response)));
  });
}

const textOf = (message) => message.content.map((block) => block.text?.text ?? '').join('');
const toolUseOf = (message) => message.content.find((block) => block.tool_use).tool_use;

/** Status, reason, domain and fields of a failed call: https://google.aip.dev/193 */
function describe(error) {
  const seen = { code: grpc.status[error.code], fields: [] };
  for (const status of error.metadata.get('grpc-status-details-bin')) {
    for (const { type_url: url, value } of definitions['google.rpc.Status'].deserialize(status).details) {
      const type = url.slice(url.lastIndexOf('/') + 1);
      const detail = definitions[type].deserialize(value);
      if (type === 'google.rpc.ErrorInfo') Object.assign(seen, { reason: detail.reason, domain: detail.domain });
      if (type === 'google.rpc.BadRequest') seen.fields = detail.field_violations.map(({ field }) => field);
    }
  }
  return seen;
}

async function refused(call) {
  try {
    await call;
  } catch (error) {
    return describe(error);
  }
  throw new Error('the call succeeded');
}

function weatherTool(input_schema) {
  return { custom: { name: 'get_weather', description: 'Current weather of a city.', input_schema } };
}

/** A question, the tool call that it leads to, the tool's result, and the answer. */
async function useTool(inputSchema) {
  const tools = [weatherTool(inputSchema)];
  const question = user(text(cases.tool_question));
  const { message } = await complete({ model: cases.model, max_tokens: 1024, tools, messages: [question] });
  const toolUse = toolUseOf(message);
  const result = { tool_result: { tool_use_id: toolUse.id, content: [text(cases.tool_result)] } };
  const messages = [question, { role: 'assistant', content: message.content }, user(result)];
  const answer = await complete({ model: cases.model, max_tokens: 1024, tools, messages });
  return { stop_reason: message.stop_reason, input: toolUse.input.text, answer: textOf(answer.message) };
}

/** A plain value as google.protobuf.Value. */
function toValue(value) {
  if (value === null) return { nullValue: 'NULL_VALUE' };
  if (Array.isArray(value)) return { listValue: { values: value.map(toValue) } };
  if (typeof value === 'object') {
    const fields = Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, toValue(entry)]));
    return { structValue: { fields } };
  }
  return { [`${typeof value === 'boolean' ? 'bool' : typeof value}Value`]: value };
}

const question = { model: cases.model, max_tokens: 1024, messages: [user(text(cases.question))] };

const CASES = {
  async unary() {
    const { message, relay } = await complete(question);
    const { input_tokens, output_tokens } = message.usage;
    return {
      text: textOf(message),
      stop_reason: message.stop_reason,
      input_tokens,
      output_tokens,
      attempts: relay.attempts,
    };
  },
  async cached() {
    const { message, relay } = await complete(question);
    return { text: textOf(message), cache_status: relay.cache_status };
  },
  async stream() {
    const uncached = { ...question, relay: { cache: { mode: 'CACHE_MODE_OFF' } } };
    let streamed = '';
    const relay = [];
    let last;
    let count = 0;
    for await (const event of client.CompleteStream(uncached, in30s())) {
      streamed += event.content_block_delta?.delta.text_delta?.text ?? '';
      if (event.relay) relay.push(count);
      last = event.message_stop ? 'message_stop' : 'other';
      count++;
    }
    return { text: streamed, events: count, relay, last };
  },
  tool_text: () => useTool({ text: cases.schema_text }),
  tool_value: () => useTool({ value: toValue(cases.schema_value) }),
  async extra() {
    const { message } = await complete({ ...question, extra: { text: cases.extra }, relay: { betas: [cases.beta] } });
    return { text: textOf(message) };
  },
  invalid: () => refused(complete({ ...question, max_tokens: undefined, messages: [{ role: 'user', content: [{}] }] })),
  not_found: () => refused(complete({ ...question, model: cases.unknown_model })),
  deadline: () => refused(complete({ ...question, model: cases.silent_model }, { deadline: Date.now() + 700 })),
  async cancel() {
    const call = client.CompleteStream({ ...question, model: cases.silent_model }, in30s());
    let events = 0;
    try {
      for await (const _event of call) {
        events++;
        call.cancel();
      }
    } catch (error) {
      return { code: grpc.status[error.code], events };
    }
    throw new Error('the call succeeded');
  },
};

for (const [name, play] of Object.entries(CASES)) console.log(JSON.stringify({ case: name, ...(await play()) }));
client.close();
