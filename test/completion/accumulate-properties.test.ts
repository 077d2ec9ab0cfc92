import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Accumulator, inputText } from '../../src/completion/accumulate.ts';
import { elements, members } from '../../src/completion/json.ts';
import type { StreamEvent } from '../../src/completion/reply.ts';
import { EventReader } from '../../src/providers/event-reader.ts';

const fixtures = new URL('../fixtures/', import.meta.url);
const INTERRUPTED = { reason: 'STREAM_INTERRUPTED' };
/** Streams of up to this many bytes are cut everywhere, larger ones at some places. */
const SMALL_STREAM = 1200;
const SOME_CUTS = 100;

/** The Message that the bytes tell, or why they tell none. */
function outcome(...chunks: readonly Uint8Array[]): string {
  const accumulator = new Accumulator();
  const reader = new EventReader((event) => accumulator.add(event));
  try {
    for (const chunk of chunks) reader.feed(chunk);
    reader.end();
    return accumulator.finish();
  } catch (thrown) {
    return String(thrown);
  }
}

describe('a stream that arrives in two pieces', () => {
  for (const folder of ['streams/', 'recorded/']) {
    for (const file of readdirSync(new URL(folder, fixtures)).filter((name) => name.endsWith('.sse'))) {
      it(`tells the same, wherever it is cut: ${file}`, () => {
        const bytes = readFileSync(new URL(folder + file, fixtures));
        const whole = outcome(bytes);
        const step = bytes.length <= SMALL_STREAM ? 1 : Math.ceil(bytes.length / SOME_CUTS);
        for (let cut = 0; cut <= bytes.length; cut += step) {
          assert.equal(outcome(bytes.subarray(0, cut), bytes.subarray(cut)), whole);
        }
      });
    }
  }
});

function event(type: string, rest = ''): StreamEvent {
  return { type, data: `{"type":"${type}"${rest === '' ? '' : `,${rest}`}}` };
}

const begin = event('message_start', '"message":{"id":"m","content":[],"usage":{"input_tokens":1}}');
const end = event('message_stop');

function content(events: readonly StreamEvent[]): unknown[] {
  const accumulator = new Accumulator();
  for (const each of [begin, ...events, end]) accumulator.add(each);
  return elements(members(accumulator.finish()).get('content') ?? '').map((block): unknown => JSON.parse(block));
}

function startOf(index: number, block: string): StreamEvent {
  return event('content_block_start', `"index":${index},"content_block":${block}`);
}

function deltaOf(index: number | string, delta: string): StreamEvent {
  return event('content_block_delta', `"index":${index},"delta":${delta}`);
}

const TEXT = '{"type":"text","text":""}';

describe('accumulating', () => {
  it('puts any mixture of deltas together, in blocks that take turns, and leaves unknown ones out', () => {
    const string = fc.string({ unit: 'grapheme' });
    const kind = fc.constantFrom('text', 'thinking', 'tool_use');
    const block = fc.record({ kind, pieces: fc.array(string, { maxLength: 5 }) });
    const blocks = fc.array(block, { minLength: 1, maxLength: 4 });
    // Spellings of the same delta: as the API writes it, with spaces, with keys the other way round.
    const spellings = [
      (type: string, key: string, piece: string) => `{"type":"${type}","${key}":${piece}}`,
      (type: string, key: string, piece: string) => `{ "type" : "${type}", "${key}" : ${piece} , "more":[1] }`,
      (type: string, key: string, piece: string) => `{"${key}":${piece},"type":"${type}"}`,
    ];
    fc.assert(
      fc.property(blocks, fc.array(fc.nat(), { minLength: 5 }), (given, choices) => {
        let turn = 0;
        const choose = (count: number): number => (choices[turn++ % choices.length] ?? 0) % Math.max(count, 1);
        const queues = given.map(({ pieces }) => [...pieces]);
        const events = given.map((_, index) => startOf(index, startText(given[index]?.kind ?? '')));
        for (;;) {
          const waiting = [...queues.entries()].filter(([, queue]) => queue.length > 0);
          const [index, queue] = waiting[choose(waiting.length)] ?? [];
          if (index === undefined || queue === undefined) break;
          const piece = queue.shift();
          const [type, key] = deltaKind(given[index]?.kind ?? '');
          const spell = spellings[choose(spellings.length)] ?? assert.fail();
          events.push(deltaOf(index, spell(type, key, JSON.stringify(piece))));
          if (choose(3) === 0) events.push(deltaOf(index, '{"type":"hum_delta","text":"?"}'), event('ping'));
        }
        const expected = given.map(({ kind: type, pieces }) => {
          const whole = pieces.join('');
          return type === 'tool_use' ? (JSON.parse(inputText(whole)) as unknown) : whole;
        });
        const got = content(events).map((one) => {
          const { type, input, ...rest } = one as Record<string, unknown>;
          return type === 'tool_use' ? input : rest[String(type)];
        });
        assert.deepEqual(got, expected);
      }),
    );
  });

  function startText(kind: string): string {
    return kind === 'tool_use'
      ? '{"type":"tool_use","id":"t","name":"n","input":{}}'
      : `{"type":"${kind}","${kind}":""}`;
  }

  function deltaKind(kind: string): [type: string, key: string] {
    return kind === 'tool_use' ? ['input_json_delta', 'partial_json'] : [`${kind}_delta`, kind];
  }

  it('goes by the index of blocks, whatever their order', () => {
    const events = [
      startOf(2, '{"type":"text","text":"c"}'),
      startOf(0, '{"type":"text","text":"a"}'),
      deltaOf(2, '{"type":"text_delta","text":"C"}'),
      startOf(1, TEXT),
      deltaOf(0, '{"type":"text_delta","text":"A"}'),
      deltaOf(1, '{"type":"text_delta","text":"B"}'),
    ];
    assert.deepEqual(
      content(events).map((block) => (block as { text: string }).text),
      ['aA', 'B', 'cC'],
    );
  });

  it('takes a delta that comes after the end of its block', () => {
    const late = deltaOf(0, '{"type":"text_delta","text":"late"}');
    assert.deepEqual(content([startOf(0, TEXT), event('content_block_stop', '"index":0'), late]), [
      { type: 'text', text: 'late' },
    ]);
  });

  for (const [name, events] of Object.entries({
    'a delta of a block that never began': [deltaOf(1, '{"type":"text_delta","text":"a"}')],
    'a delta without an index': [event('content_block_delta', '"delta":{"type":"text_delta","text":"a"}')],
    'a delta whose index is no number': [deltaOf('"0"', '{"type":"text_delta","text":"a"}')],
    'a delta that is no object': [deltaOf(0, '"a"')],
    'a block without an index': [event('content_block_start', `"content_block":${TEXT}`)],
    'a block that begins twice': [startOf(0, TEXT)],
    'a block that is none': [startOf(1, 'null')],
    'a second beginning': [begin],
  })) {
    it(`refuses ${name}, rather than losing it`, () => {
      assert.throws(() => content([startOf(0, TEXT), ...events]), INTERRUPTED);
    });
  }

  it('refuses events before the beginning', () => {
    for (const early of [startOf(0, TEXT), event('message_delta', '"delta":{},"usage":{}')]) {
      assert.throws(() => new Accumulator().add(early), INTERRUPTED);
    }
  });

  it('leaves unknown deltas out wherever they belong, and known ones of other blocks', () => {
    const events = [
      startOf(0, '{"type":"hologram","frames":1}'),
      deltaOf(0, '{"type":"text_delta","text":"a"}'),
      deltaOf(7, '{"type":"hum_delta"}'),
      deltaOf(0, '{"type":"__proto__"}'),
      deltaOf(0, 'null'),
    ];
    assert.deepEqual(content(events), [{ type: 'hologram', frames: 1 }]);
  });

  it('takes null for absent', () => {
    const accumulator = new Accumulator();
    accumulator.add(event('message_start', '"message":{"content":null,"usage":null}'));
    accumulator.add(event('message_delta', '"delta":null,"usage":null'));
    accumulator.add(event('message_delta', '"usage":{"output_tokens":2}'));
    accumulator.add(end);
    assert.equal(accumulator.finish(), '{"content":[],"usage":{"output_tokens":2}}');
  });

  it('takes one delta as large as any answer', () => {
    for (const letter of ['a', '\\n', '\\"']) {
      const piece = letter.repeat(12_000_000 / letter.length);
      const [block] = content([startOf(0, TEXT), deltaOf(0, `{"type":"text_delta","text":"${piece}"}`)]);
      assert.equal((block as { text: string }).text.length, 12_000_000 / letter.length);
    }
  });
});
