import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { StreamEvent } from '../../../src/completion/reply.ts';
import type { StreamEncoder } from '../../../src/server/deliver.ts';
import { codec, deserialize, INFO } from './support.ts';

/** The kinds of deltas that grow a string, with the member that does. */
const KINDS = [
  ['text_delta', 'text'],
  ['thinking_delta', 'thinking'],
  ['input_json_delta', 'partial_json'],
] as const;
type Kind = (typeof KINDS)[number];

const HIGH = '\ud83d';
const LOW = '\ude00';
const LOST = { reason: 'UPSTREAM_INVALID_TEXT' };

/** How a half may be spelt in JSON. */
const SPELLINGS = {
  'lower-case escapes': (text: string) => escaped(text, (hex) => hex),
  'upper-case escapes': (text: string) => escaped(text, (hex) => hex.toUpperCase()),
  'themselves, in the text': (text: string) => `"${text}"`,
};

function escaped(text: string, spell: (hex: string) => string): string {
  const units = Array.from({ length: text.length }, (_, at) => text.charCodeAt(at).toString(16).padStart(4, '0'));
  return `"${units.map((hex) => `\\u${spell(hex)}`).join('')}"`;
}

function delta(index: number, [type, member]: Kind, literal: string): StreamEvent {
  const data = `{"type":"content_block_delta","index":${index},"delta":{"type":"${type}","${member}":${literal}}}`;
  return { type: 'content_block_delta', data };
}

function stop(index: number): StreamEvent {
  return { type: 'content_block_stop', data: `{"type":"content_block_stop","index":${index}}` };
}

function start(index: number, block: string): StreamEvent {
  const data = `{"type":"content_block_start","index":${index},"content_block":${block}}`;
  return { type: 'content_block_start', data };
}

interface Received {
  readonly content_block_delta?: { readonly index: number; readonly delta: Readonly<Record<string, unknown>> };
}

/** Puts together what a client gets, by block and member. */
function receive(encoder: StreamEncoder, events: readonly StreamEvent[]): Map<string, string> {
  const texts = new Map<string, string>();
  for (const event of events) {
    const wire = encoder.encode(event);
    assert.ok(wire);
    const got = (deserialize('CompleteStreamResponse', wire) as Received).content_block_delta;
    for (const [kind, member] of KINDS) {
      const piece = got?.delta[kind] as Record<string, string> | undefined;
      if (got === undefined || piece === undefined) continue;
      const place = `${got.index}/${member}`;
      texts.set(place, (texts.get(place) ?? '') + (piece[member] ?? ''));
    }
  }
  return texts;
}

describe('a surrogate pair that is cut between deltas', () => {
  for (const [spelling, spell] of Object.entries(SPELLINGS)) {
    for (const kind of KINDS) {
      it(`is joined in ${kind[1]}, its halves spelt as ${spelling}`, () => {
        const events = [delta(0, kind, spell(`a${HIGH}`)), delta(0, kind, spell(`${LOW}b`)), stop(0)];
        assert.deepEqual([...receive(codec.createStreamEncoder(), events)], [[`0/${kind[1]}`, 'a😀b']]);
      });
    }

    it(`is an error where the other half never comes, the first spelt as ${spelling}`, () => {
      const half = delta(0, KINDS[0], spell(`a${HIGH}`));
      const ends: StreamEvent[] = [
        stop(0),
        { type: 'message_delta', data: '{"type":"message_delta","delta":{},"usage":{}}' },
        { type: 'message_stop', data: '{"type":"message_stop"}' },
        delta(0, KINDS[0], '"b"'),
        delta(0, KINDS[0], spell(`${HIGH}${LOW}`)),
      ];
      for (const end of ends) {
        const encoder = codec.createStreamEncoder();
        assert.ok(encoder.encode(half));
        assert.throws(() => encoder.encode(end), LOST, end.data);
      }
    });

    it(`is an error where the second half comes alone, spelt as ${spelling}`, () => {
      assert.throws(() => codec.createStreamEncoder().encode(delta(0, KINDS[0], spell(LOW))), LOST);
      assert.throws(() => codec.createStreamEncoder().encode(delta(0, KINDS[0], spell(`${HIGH} ${LOW}`))), LOST);
    });

    it(`is joined with the text that its block begins with, spelt as ${spelling}`, () => {
      const encoder = codec.createStreamEncoder();
      assert.ok(encoder.encode(start(0, `{"type":"text","text":${spell(`a${HIGH}`)}}`)));
      assert.deepEqual([...receive(encoder, [delta(0, KINDS[0], spell(LOW))])], [['0/text', '😀']]);
    });

    it(`stays as it is in raw JSON, spelt as ${spelling}`, () => {
      const encoder = codec.createStreamEncoder();
      const data = `{"type":"content_block_delta","index":0,"delta":{"type":"hum_delta","text":${spell(HIGH)}}}`;
      const wire = encoder.encode({ type: 'content_block_delta', data });
      assert.match(String(wire), /"text":"\\u[dD]83[dD]"/);
      assert.ok(encoder.encode(stop(0)));
      const sunrise = encoder.encode({ type: 'sunrise', data: `{"type":"sunrise","at":${spell(LOW)}}` });
      assert.match(String(sunrise), /"at":"\\u[dD][eE]00"/);
    });
  }

  it('waits through empty deltas', () => {
    const events = [delta(0, KINDS[0], `"${HIGH}"`), delta(0, KINDS[0], '""'), delta(0, KINDS[0], `"${LOW}"`), stop(0)];
    assert.deepEqual([...receive(codec.createStreamEncoder(), events)], [['0/text', '😀']]);
  });

  it('is left alone where a backslash stands before what looks like its escape', () => {
    const literal = JSON.stringify('\\ud83d');
    const events = [delta(0, KINDS[2], literal), stop(0)];
    assert.deepEqual([...receive(codec.createStreamEncoder(), events)], [['0/partial_json', '\\ud83d']]);
  });

  it('is joined whatever is cut, in blocks that take turns', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 8 });
    const plan = fc.record({
      texts: fc.array(fc.tuple(fc.constantFrom(...KINDS), text), { minLength: 1, maxLength: 4 }),
      order: fc.array(fc.nat(), { minLength: 1 }),
      spellings: fc.array(fc.constantFrom(...Object.values(SPELLINGS)), { minLength: 1 }),
    });
    fc.assert(
      fc.property(plan, ({ texts, order, spellings }) => {
        const units = texts.map(([kind, whole]) => ({ kind, rest: whole.split('') }));
        const events: StreamEvent[] = [];
        for (let at = 0; units.some(({ rest }) => rest.length > 0); at += 1) {
          const waiting = [...units.entries()].filter(([, { rest }]) => rest.length > 0);
          const [index, { kind, rest }] = waiting[(order[at % order.length] ?? 0) % waiting.length] ?? assert.fail();
          const spell = spellings[at % spellings.length] ?? assert.fail();
          const unit = rest.shift() ?? '';
          events.push(delta(index, kind, unit < '\ud800' ? JSON.stringify(unit) : spell(unit)));
        }
        events.push(...units.map((_, index) => stop(index)));
        const expected = texts.flatMap(([[, member], whole], index) =>
          whole === '' ? [] : [[`${index}/${member}`, whole]],
        );
        const got = receive(codec.createStreamEncoder(), events);
        assert.deepEqual(Object.fromEntries(got), Object.fromEntries(expected));
      }),
    );
  });
});

describe('half a surrogate pair in a whole answer', () => {
  it('is an error in a string of protobuf, and passes in raw JSON', () => {
    for (const spell of Object.values(SPELLINGS)) {
      const typed = `{"content":[{"type":"text","text":${spell(HIGH)}}]}`;
      assert.throws(() => codec.encodeWhole('messages', typed, INFO), LOST);
      const input = `{"content":[{"type":"tool_use","id":"t","name":"n","input":{"a":${spell(HIGH)}}}]}`;
      assert.match(String(codec.encodeWhole('messages', input, INFO)), /\{"a":"\\u[dD]83[dD]"\}/);
    }
  });
});
