import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import type { Operation } from '../../completion/call.ts';
import { RelayError } from '../../completion/errors.ts';
import { JsonSyntaxError, members, objectText } from '../../completion/json.ts';
import type { StreamEvent } from '../../completion/reply.ts';
import type { StreamEncoder } from '../deliver.ts';
import { PROTO_ROOT } from '../proto-root.ts';
import type { RelayInfo } from '../relay-info.ts';
import type { RelayCodec } from '../relay-service.ts';
import { compilePlans } from './compile.ts';
import type { FieldPlan, MessagePlan } from './plan.ts';
import { relayInfoEncoder } from './relay-info-encoder.ts';
import { decodeRequest } from './request.ts';
import { Requirements } from './requirements.ts';
import { escapeHalves, SurrogateJoiner } from './surrogates.ts';
import { WireEncoder } from './to-wire.ts';
import { WireWriter } from './wire-writer.ts';

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
  const requirements = new Requirements(plans.values());
  const encodeInfo = relayInfoEncoder(plan('RelayInfo'));
  const out = new WireWriter();
  const event = plan('CompleteStreamResponse');

  function writeInfo(message: MessagePlan, info: RelayInfo): void {
    out.uint32(fieldOf(message, 'relay').tag);
    const start = out.open();
    encodeInfo(out, info);
    out.close(start);
  }

  function encodeEvent({ type, data }: StreamEvent, info: RelayInfo | undefined): Buffer {
    const field = event.memberByName.get(type);
    const isTyped = field?.message?.form === 'object' && new WireEncoder(out, data).message(field);
    if (!isTyped) new WireEncoder(out, withType(data, type)).raw(fieldOf(event, 'other'));
    if (info !== undefined) writeInfo(event, info);
    return out.finish();
  }

  return {
    definitions: { relay: rawService(definition) },
    decodeRequest: (operation, wire) => decodeRequest(operation, plan(REQUESTS[operation]), requirements, wire),
    encodeWhole(operation, body, info, memo) {
      const message = plan(RESPONSES[operation]);
      return guarded(out, () => {
        if (memo?.wire === undefined) {
          const encoder = new WireEncoder(out, escapeHalves(body));
          const fits = operation === 'messages' ? encoder.message(fieldOf(message, 'message')) : encoder.root(message);
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

/** An event's payload with its type inside, as the API sends it; a payload without one has it in the event's name. */
function withType(data: string, type: string): string {
  const fields = members(data);
  if (fields.has('type')) return data;
  return objectText(new Map([['type', JSON.stringify(type)], ...fields]));
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
