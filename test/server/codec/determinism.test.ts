import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { FieldPlan, MessagePlan } from '../../../src/server/codec/plan.ts';
import { WireReader } from '../../../src/server/codec/wire-reader.ts';
import { body, codec, deserialize, plan, raw, serialize, SMALL, toWire } from './support.ts';

const fixtures = new URL('../../fixtures/requests/', import.meta.url);
const FILES = [
  '02-all-ga-fields',
  '04-all-user-block-kinds',
  '05-tool-round-trip',
  '07-server-tools',
  '20-key-order-and-numbers',
];
const STREAM = /"stream": true,/;

const requests = FILES.map((file) =>
  toWire('CompleteRequest', readFileSync(new URL(`${file}.json`, fixtures), 'utf8').replace(STREAM, '')),
);

/** One field on the wire: its tag and value. */
interface Piece {
  readonly field: FieldPlan;
  readonly bytes: Buffer;
}

/** Chooses among `count` things. */
type Choose = (count: number) => number;

function fieldsOf(message: MessagePlan, bytes: Buffer): Piece[] {
  const reader = new WireReader(bytes);
  const found: Piece[] = [];
  while (reader.pos < reader.end) {
    const start = reader.pos;
    const field = message.byNumber[reader.uint32() >>> 3];
    assert.ok(field);
    if (field.kind === 'double') reader.double();
    else if (field.tag % 8 === 0) reader.int64();
    else reader.span();
    found.push({ field, bytes: bytes.subarray(start, reader.pos) });
  }
  return found;
}

/** Another way to write the same message: any order of fields, any cutting of messages into pieces to be merged. */
function rewritten(message: MessagePlan, bytes: Buffer, choose: Choose): Buffer {
  const pieces = fieldsOf(message, bytes).flatMap((piece) => rewrittenField(piece, choose));
  return Buffer.concat(shuffled(pieces, choose).map((piece) => piece.bytes));
}

function rewrittenField({ field, bytes }: Piece, choose: Choose): Piece[] {
  if (field.message === undefined) return [{ field, bytes }];
  const reader = new WireReader(bytes);
  reader.uint32();
  const { start, end } = reader.span();
  const inner = bytes.subarray(start, end);
  if (field.message.form === 'json') return [{ field, bytes }];
  const content = rewritten(field.message, inner, choose);
  if (field.repeated || choose(2) === 0) return [{ field, bytes: raw.bytes(field.number, content) }];
  // Cut between two of its fields; their order may not change in repeated ones, so the first piece stays first.
  const parts = fieldsOf(field.message, content);
  const cut = choose(parts.length + 1);
  const halves = [parts.slice(0, cut), parts.slice(cut)];
  return [
    { field, bytes: Buffer.concat(halves.map((half) => raw.bytes(field.number, ...half.map((part) => part.bytes)))) },
  ];
}

/** Any order that leaves the items of a list in theirs. */
function shuffled(pieces: readonly Piece[], choose: Choose): Piece[] {
  const queues = new Map<FieldPlan, Piece[]>();
  for (const piece of pieces) queues.set(piece.field, [...(queues.get(piece.field) ?? []), piece]);
  const result: Piece[] = [];
  while (result.length < pieces.length) {
    const waiting = [...queues.values()].filter((queue) => queue.length > 0);
    const next = waiting[choose(waiting.length)]?.shift();
    assert.ok(next);
    result.push(next);
  }
  return result;
}

function chooser(choices: readonly number[]): Choose {
  let at = 0;
  return (count) => (choices[at++ % choices.length] ?? 0) % count;
}

const upstream = (wire: Buffer): string => codec.decodeRequest('messages', wire).body;

describe('the same request gives the same upstream bytes', () => {
  it('in whatever order its fields come, and however its messages are cut', () => {
    const choices = fc.array(fc.nat({ max: 1000 }), { minLength: 20, maxLength: 60 });
    fc.assert(
      fc.property(fc.constantFrom(...requests), choices, (wire, list) => {
        const other = rewritten(plan('CompleteRequest'), wire, chooser(list));
        assert.equal(upstream(other), upstream(wire));
      }),
      { numRuns: 500 },
    );
  });

  it('from another implementation of protobuf', () => {
    for (const wire of requests) {
      const theirs = serialize('CompleteRequest', deserialize('CompleteRequest', wire));
      assert.equal(upstream(theirs), upstream(wire));
    }
  });

  it('in whatever order the keys of a Value come', () => {
    const tree = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.record({ nullValue: fc.constant('NULL_VALUE') }),
        fc.record({ numberValue: fc.double({ noNaN: true, noDefaultInfinity: true }) }),
        fc.record({ stringValue: fc.string({ unit: 'grapheme' }) }),
        fc.record({ boolValue: fc.boolean() }),
        fc.record({ listValue: fc.record({ values: fc.array(tie('value'), { maxLength: 3 }) }) }),
        fc.record({ structValue: tie('struct') }),
      ),
      struct: fc.record({ fields: fc.dictionary(fc.string({ unit: 'grapheme' }), tie('value'), { maxKeys: 5 }) }),
    }));
    fc.assert(
      fc.property(tree.struct, (struct) => {
        const request = (structValue: unknown): object => ({
          ...SMALL,
          tools: [{ custom: { name: 'n', input_schema: { value: { structValue } } } }],
        });
        assert.equal(body(request(reversed(struct))), body(request(struct)));
      }),
    );
  });
});

/** The same objects with their keys the other way round. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, inner]) => [key, reversed(inner)]),
  );
}

describe('a Value', () => {
  it('has its keys sorted at every depth, whatever they look like', () => {
    const fields = {
      b: { structValue: { fields: { z: { boolValue: true }, '10': { numberValue: -0 }, '9': { nullValue: 0 } } } },
      a: { listValue: { values: [{ stringValue: '\u2028\0' }, { numberValue: 1e21 }, { numberValue: 2 ** 63 }] } },
      '': { numberValue: 0.1 },
    };
    const json = body({ ...SMALL, extra: { value: { structValue: { fields } } } });
    assert.ok(
      json.endsWith(',"":0.1,"a":["\u2028\\u0000",1e+21,9223372036854776000],"b":{"10":-0,"9":null,"z":true}}'),
      json,
    );
  });
});
