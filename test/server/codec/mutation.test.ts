import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { RelayError } from '../../../src/completion/errors.ts';
import type { MessagePlan } from '../../../src/server/codec/plan.ts';
import { WireReader } from '../../../src/server/codec/wire-reader.ts';
import { codec, plan, refusal, serialize, SMALL, toWire } from './support.ts';

const fixtures = new URL('../../fixtures/requests/', import.meta.url);
const relay = { priority: 2, affinity_key: 'k', betas: ['b'], api_version: '2026-10-21', region: 'eu' };
const FILES = [
  '02-all-ga-fields',
  '04-all-user-block-kinds',
  '05-tool-round-trip',
  '06-thinking-replay',
  '07-server-tools',
];

/** Not the caller's to say: CompleteStream says it. */
const STREAM = /"stream": true,/;

/** Requests that between them have most of the proto's fields. */
const requests = [
  serialize('CompleteRequest', {
    ...SMALL,
    relay,
    tools: [
      { custom: { name: 'n', input_schema: { value: { structValue: { fields: { a: { stringValue: 'b' } } } } } } },
    ],
  }),
  ...FILES.map((file) =>
    toWire('CompleteRequest', readFileSync(new URL(`${file}.json`, fixtures), 'utf8').replace(STREAM, '')),
  ),
];

interface Place {
  readonly path: string;
  /** Offset of the field's tag. */
  readonly tag: number;
  /** Where its bytes lie, of a string. */
  readonly text: { readonly start: number; readonly end: number } | undefined;
}

/** Every field of a message, at every depth, but for what is in a `google.protobuf.Value`. */
function places(message: MessagePlan, bytes: Buffer, start = 0, end = bytes.length, path = ''): Place[] {
  const found: Place[] = [];
  const counts = new Map<string, number>();
  const reader = new WireReader(bytes);
  reader.pos = start;
  reader.end = end;
  while (reader.pos < end) {
    const tag = reader.pos;
    const number = reader.uint32() >>> 3;
    const field = message.byNumber[number];
    assert.ok(field);
    const count = counts.get(field.name) ?? 0;
    counts.set(field.name, count + 1);
    const step = field.repeated ? `${field.name}[${count}]` : field.name;
    const here = path === '' ? step : `${path}.${step}`;
    if (field.kind === 'double') reader.double();
    else if (field.tag % 8 === 0) reader.int64();
    else {
      const span = reader.span();
      found.push({ path: here, tag, text: field.kind === 'string' && span.end > span.start ? span : undefined });
      if (field.message !== undefined) found.push(...places(field.message, bytes, span.start, span.end, here));
      continue;
    }
    found.push({ path: here, tag, text: undefined });
  }
  return found;
}

/** The path that a violation has: a list's field where the tag itself is wrong, and `Json` where its form is. */
function pathOfTag(path: string): string {
  const isForm = /(?:extra|input|input_schema|schema|other|capabilities|input_examples\[\d+\])\.(?:text|value)$/;
  return isForm.test(path) ? path.replace(/\.(?:text|value)$/, '') : path.replace(/\[\d+\]$/, '');
}

function decodes(wire: Buffer): boolean {
  try {
    const { body } = codec.decodeRequest('messages', wire);
    assert.doesNotThrow(() => JSON.parse(body));
    return true;
  } catch (thrown) {
    assert.ok(thrown instanceof RelayError && thrown.reason === 'INVALID_REQUEST', String(thrown));
    assert.ok(thrown.violations.length > 0);
    return false;
  }
}

describe('a request that was damaged on its way', () => {
  it('is refused or still a request, wherever it is cut off', () => {
    for (const wire of requests) {
      assert.ok(decodes(wire));
      for (let end = 0; end < wire.length; end += 1) decodes(wire.subarray(0, end));
    }
  });

  it('is refused with the path of the string that is not UTF-8, whichever it is', () => {
    let strings = 0;
    for (const wire of requests) {
      for (const { path, text } of places(plan('CompleteRequest'), wire)) {
        if (text === undefined) continue;
        const damaged = Buffer.from(wire);
        damaged[text.start + Math.floor((text.end - text.start) / 2)] = 0xff;
        const [violation, ...more] = refusal(damaged).violations;
        assert.equal(violation?.field, path);
        assert.match(violation.description, /not valid UTF-8/);
        assert.deepEqual(more, []);
        strings += 1;
      }
    }
    assert.ok(strings > 100, `only ${strings} strings`);
  });

  it('is refused with the path of the field whose wire type is not its own, whichever it is', () => {
    for (const wire of requests) {
      for (const { path, tag } of places(plan('CompleteRequest'), wire)) {
        for (const wireType of [0, 1, 2, 3, 4, 5, 6, 7]) {
          const damaged = Buffer.from(wire);
          const own = damaged[tag] ?? 0;
          if (own % 8 === wireType) continue;
          damaged[tag] = own - (own % 8) + wireType;
          // What follows may be read from the wrong byte on, so that it is not alone.
          assert.ok(refusal(damaged).violations.some(({ field }) => field === pathOfTag(path)));
        }
      }
    }
  });

  it('is refused or still a request, whatever bits are flipped', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.constantFrom(...requests), damage, (wire, flips) => {
        const damaged = Buffer.from(wire);
        for (const [at, bits] of flips) damaged[at % wire.length] = (damaged[at % wire.length] ?? 0) ^ bits;
        decodes(damaged);
      }),
      { numRuns: 3000 },
    );
  });

  it('is refused or a request, of any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decodes(Buffer.from(bytes));
        decodes(Buffer.concat([requests[0] ?? Buffer.alloc(0), bytes]));
      }),
      { numRuns: 3000 },
    );
  });
});
