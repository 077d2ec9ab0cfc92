import assert from 'node:assert/strict';
import { loadSync } from '@grpc/proto-loader';
import type { Operation } from '../../../src/completion/call.ts';
import { RelayError } from '../../../src/completion/errors.ts';
import { createCodec } from '../../../src/server/codec/codec.ts';
import { compilePlans } from '../../../src/server/codec/compile.ts';
import { objectText } from '../../../src/server/codec/object-text.ts';
import type { MessagePlan } from '../../../src/server/codec/plan.ts';
import { NO_REQUIREMENTS } from '../../../src/server/codec/requirements.ts';
import { JsonDecoder } from '../../../src/server/codec/to-json.ts';
import { WireEncoder } from '../../../src/server/codec/to-wire.ts';
import { WireWriter } from '../../../src/server/codec/wire-writer.ts';
import { PROTO_ROOT } from '../../../src/server/proto-root.ts';
import type { RelayInfo } from '../../../src/server/relay-info.ts';

const definition = loadSync('claude/relay/v1/relay_service.proto', {
  includeDirs: [PROTO_ROOT],
  keepCase: true,
  longs: String,
  enums: String,
  oneofs: true,
});
const plans = compilePlans(definition, 'claude.relay.v1');

export const codec = createCodec();

export function plan(name: string): MessagePlan {
  const found = plans.get(name);
  assert.ok(found, name);
  return found;
}

interface MessageType {
  readonly serialize: (message: object) => Buffer;
  readonly deserialize: (bytes: Buffer) => Record<string, unknown>;
}

function messageType(name: string): MessageType {
  const type = definition[`claude.relay.v1.${name}`];
  assert.ok(type !== undefined && 'serialize' in type, name);
  // proto-loader's definitions of messages have both at run time; its types leave them optional.
  return type as unknown as MessageType;
}

/** Bytes as another implementation of protobuf writes them. */
export function serialize(name: string, message: object): Buffer {
  return messageType(name).serialize(message);
}

/** A message as another implementation of protobuf reads it. */
export function deserialize(name: string, bytes: Buffer): Record<string, unknown> {
  return messageType(name).deserialize(bytes);
}

/** JSON of the API as the message `name`. */
export function toWire(name: string, json: string): Buffer {
  const out = new WireWriter();
  assert.ok(new WireEncoder(out, json).root(plan(name)), json);
  return out.finish();
}

/** The message `name` as JSON of the API, whatever requests need. */
export function toJson(name: string, wire: Buffer): string {
  return objectText(plan(name), new JsonDecoder(wire, NO_REQUIREMENTS).root(plan(name)));
}

export const HI = { role: 'user', content: [{ text: { text: 'Hi' } }] };
export const SMALL = { model: 'm', max_tokens: 1, messages: [HI] };

export const INFO: RelayInfo = {
  request_id: 'r',
  upstream_request_id: 'req_1',
  account: 'a',
  region: 'eu',
  attempts: 1,
  cache_status: 'MISS',
  queued: 1.5,
  upstream_time_to_first_byte: 2000.25,
  total: 2001,
  cost_usd: 0.125,
  simulated: true,
};

export const REQUESTS: Readonly<Record<Operation, string>> = {
  messages: 'CompleteRequest',
  count_tokens: 'CountTokensRequest',
  models: 'ListModelsRequest',
};

/** The upstream's JSON for a request of the given fields. */
export function body(message: object, operation: Operation = 'messages'): string {
  return codec.decodeRequest(operation, serialize(REQUESTS[operation], message)).body;
}

/** The refusal of a request that must be refused. */
export function refusal(wire: Buffer, operation: Operation = 'messages'): RelayError {
  try {
    codec.decodeRequest(operation, wire);
  } catch (thrown) {
    assert.ok(thrown instanceof RelayError, String(thrown));
    assert.equal(thrown.reason, 'INVALID_REQUEST');
    assert.ok(thrown.violations.length > 0);
    return thrown;
  }
  return assert.fail('the request was taken');
}

/** Protobuf by hand, https://protobuf.dev/programming-guides/encoding/ */
export const raw = {
  varint(value: number | bigint): Buffer {
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    return Buffer.from([...bytes, Number(rest)]);
  },
  tag: (number: number, wireType: number): Buffer => raw.varint((BigInt(number) << 3n) | BigInt(wireType)),
  number: (number: number, value: number | bigint): Buffer => Buffer.concat([raw.tag(number, 0), raw.varint(value)]),
  double(number: number, value: number): Buffer {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    return Buffer.concat([raw.tag(number, 1), bytes]);
  },
  bytes(number: number, ...parts: readonly (Buffer | string)[]): Buffer {
    const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
    return Buffer.concat([raw.tag(number, 2), raw.varint(content.length), content]);
  },
};
