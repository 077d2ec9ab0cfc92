import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import type { Operation } from '../../completion/call.ts';
import { type FieldViolation, RelayError } from '../../completion/errors.ts';
import { entries, JsonSyntaxError } from '../../completion/json.ts';
import type { StreamEvent } from '../../completion/reply.ts';
import type { StreamEncoder } from '../deliver.ts';
import { PROTO_ROOT } from '../proto-root.ts';
import type { RelayInfo } from '../relay-info.ts';
import type { DecodedRequest, RelayCodec } from '../relay-service.ts';
import { compilePlans, type FieldPlan, type MessagePlan } from './plan.ts';
import { relayInfoEncoder } from './relay-info-encoder.ts';
import { readOptions } from './relay-options.ts';
import { missingFields, roleViolations } from './requirements.ts';
import { isSelfContained } from './self-contained.ts';
import { SurrogateJoiner } from './surrogates.ts';
import { type FieldTexts, JsonDecoder } from './to-json.ts';
import { WireEncoder } from './to-wire.ts';
import { RequestViolation } from './violation.ts';
import { WireWriter } from './wire.ts';

const PACKAGE = 'claude.relay.v1';
const REQUESTS: Readonly<Record<Operation, string>> = {
  messages: 'CompleteRequest',
  count_tokens: 'CountTokensRequest',
  models: 'ListModelsRequest',
};
const RESPONSES: Readonly<Record<Operation, string>> = {
  messages: 'CompleteResponse',
  count_tokens: 'CountTokensResponse',
  models: 'ListModelsResponse',
};

/**
 * The codec of the relay's API, compiled from the proto files. Between the edge and the upstream a request and an
 * answer are JSON text; here, and only here, they become protobuf.
 */
export function createCodec(): RelayCodec {
  const definition = loadSync('claude/relay/v1/relay_service.proto', {
    includeDirs: [PROTO_ROOT],
    keepCase: true,
    longs: Number,
    enums: String,
  });
  const plans = compilePlans(definition, PACKAGE);
  const plan = (name: string): MessagePlan => required(plans.get(name), name);
  const encodeInfo = relayInfoEncoder(definition);
  const out = new WireWriter();
  const event = plan('CompleteStreamResponse');

  function writeInfo(message: MessagePlan, info: RelayInfo): void {
    out.uint32(fieldOf(message, 'relay').tag);
    const bytes = encodeInfo(info);
    out.uint32(bytes.length);
    out.raw(bytes);
  }

  function encodeEvent({ type, data }: StreamEvent, info: RelayInfo | undefined): Buffer {
    const field = event.byName.get(type);
    const isTyped = field?.message !== undefined && field.message.form === 'object' && type !== 'relay';
    if (!isTyped || !new WireEncoder(out, data).member(field)) {
      out.pos = 0;
      new WireEncoder(out, data).raw(fieldOf(event, 'other'));
    }
    if (info !== undefined) writeInfo(event, info);
    return out.finish();
  }

  return {
    definitions: { relay: rawService(definition) },
    decodeRequest: (operation, wire) => decodeRequest(operation, plan(REQUESTS[operation]), wire),
    encodeWhole(operation, body, info, memo) {
      const message = plan(RESPONSES[operation]);
      return guarded(out, () => {
        if (memo?.wire === undefined) {
          const encoder = new WireEncoder(out, body);
          const fits = operation === 'messages' ? encoder.field(fieldOf(message, 'message')) : encoder.object(message);
          if (!fits) throw invalidAnswer(undefined);
          if (memo !== undefined) memo.wire = out.copy();
        } else {
          out.raw(memo.wire);
        }
        writeInfo(message, info);
        return out.finish();
      });
    },
    createStreamEncoder(): StreamEncoder {
      const joiner = new SurrogateJoiner();
      return { encode: (event, info) => guarded(out, () => encodeEvent(joiner.join(event), info)) };
    },
  };
}

function decodeRequest(operation: Operation, plan: MessagePlan, wire: Buffer): DecodedRequest {
  const decoder = new JsonDecoder();
  try {
    const texts = decoder.fields(plan, wire);
    const text = (name: string): string | undefined => {
      const field = plan.byName.get(name);
      return field === undefined ? undefined : texts[field.index];
    };
    const { options, routing, cache, violations } = readOptions(text('relay'));
    const problems = [
      ...missingFields(operation, text),
      ...roleViolations(text('messages') ?? '[]'),
      ...streamViolations(text('extra')),
      ...violations,
    ];
    if (problems.length > 0) throw invalid(problems);
    const upstreamTexts = [...texts];
    upstreamTexts[fieldOf(plan, 'relay').index] = undefined;
    return {
      body: operation === 'models' ? queryOf(plan, upstreamTexts) : decoder.objectText(plan, upstreamTexts),
      model: stringOf(text('model')),
      maxTokens: Number(text('max_tokens') ?? 0),
      options,
      routing,
      cache,
      selfContained: isSelfContained(text),
    };
  } catch (thrown) {
    if (!(thrown instanceof RequestViolation)) throw thrown;
    throw invalid([{ field: thrown.path, description: thrown.message }]);
  }
}

function streamViolations(extra: string | undefined): FieldViolation[] {
  if (extra?.includes('stream') !== true || !extra.trimStart().startsWith('{')) return [];
  if (!entries(extra).some(([key]) => key === 'stream')) return [];
  return [{ field: 'extra', description: 'says "stream"; call CompleteStream to get the answer as it is written' }];
}

/** The query of `GET /v1/models`; lists as the official SDKs write them. */
function queryOf(plan: MessagePlan, texts: FieldTexts): string {
  const query = new URLSearchParams();
  for (const field of plan.fields) {
    const text = texts[field.index];
    if (text === undefined) continue;
    // A request for models has strings, integers and lists of strings only.
    const value = JSON.parse(text) as string | number | readonly string[];
    if (typeof value === 'object') for (const item of value) query.append(`${field.name}[]`, item);
    else query.append(field.name, String(value));
  }
  return query.toString();
}

function stringOf(json: string | undefined): string {
  return json === undefined ? '' : String(JSON.parse(json));
}

function invalid(violations: readonly FieldViolation[]): RelayError {
  const [first] = violations;
  const where = first === undefined || first.field === '' ? 'the request' : first.field;
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more, see BadRequest in the details)` : '';
  return new RelayError('INVALID_REQUEST', `${where} ${first?.description ?? 'is invalid'}${more}`, { violations });
}

/** Runs an encoding; the shared writer is empty again also when it fails. */
function guarded(out: WireWriter, encode: () => Buffer): Buffer {
  try {
    return encode();
  } catch (thrown) {
    out.pos = 0;
    throw thrown instanceof JsonSyntaxError ? invalidAnswer(thrown) : thrown;
  }
}

function invalidAnswer(cause: unknown): RelayError {
  return new RelayError('UPSTREAM_UNAVAILABLE', 'The upstream answered with something that is no answer. Retry.', {
    cause,
  });
}

/** The service with raw bytes on both sides: the edge checks signatures over them, and this codec does the rest. */
function rawService(definition: PackageDefinition): ServiceDefinition {
  const service = definition[`${PACKAGE}.RelayService`];
  if (service === undefined || 'format' in service) throw new Error(`the proto has no service ${PACKAGE}.RelayService`);
  const methods = Object.entries(service).map(([name, method]) => [
    name,
    {
      ...method,
      requestSerialize: identity,
      requestDeserialize: identity,
      responseSerialize: identity,
      responseDeserialize: identity,
    },
  ]);
  // Object.fromEntries loses the type of its values.
  return Object.fromEntries(methods) as ServiceDefinition;
}

function identity(bytes: Buffer): Buffer {
  return bytes;
}

function fieldOf(message: MessagePlan, name: string): FieldPlan {
  return required(message.byName.get(name), `${message.name}.${name}`);
}

function required<T>(found: T | undefined, name: string): T {
  if (found === undefined) throw new Error(`the proto has no ${name}`);
  return found;
}
