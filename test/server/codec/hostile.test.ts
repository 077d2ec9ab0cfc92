import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { body, codec, HI, raw, refusal, serialize, SMALL } from './support.ts';

const small = serialize('CompleteRequest', SMALL);
const plus = (part: Buffer): Buffer => Buffer.concat([small, part]);
const LEVELS = 10_000;
const MILLION = 1_000_000;

/** The bytes of a message within a message, and so on; `before` is what stands before an inner one of a length. */
function nest(levels: number, innermost: Buffer, before: (length: number) => Buffer): Buffer {
  const parts = [innermost];
  let length = innermost.length;
  for (let level = 0; level < levels; level += 1) {
    const part = before(length);
    parts.push(part);
    length += part.length;
  }
  return Buffer.concat(parts.toReversed());
}

/** What stands before the content of a field. */
function head(number: number, length: number): Buffer {
  return Buffer.concat([raw.tag(number, 2), raw.varint(length)]);
}

/** What stands before a message in a field in a field. */
function heads(outer: number, inner: number, length: number): Buffer {
  const inside = head(inner, length);
  return Buffer.concat([head(outer, inside.length + length), inside]);
}

function turnOf(block: Buffer): Buffer {
  return plus(raw.bytes(3, raw.bytes(1, 'user'), raw.bytes(2, block)));
}

const toolResult = (length: number): Buffer => heads(5, 2, length);
const text = raw.bytes(1, raw.bytes(1, 'a'));

describe('nesting', () => {
  it('of blocks is refused beyond what protobuf runtimes take', () => {
    const { violations, message } = refusal(turnOf(nest(LEVELS, text, toolResult)));
    assert.match(violations[0]?.field ?? '', /^messages\[1\]\.content\[0\]\.tool_result\.content\[0\]\.tool_result/);
    assert.match(message, /…/);
    assert.match(message, /nested deeper than 100 messages; send flatter content$/);
    assert.match(codec.decodeRequest('messages', turnOf(nest(40, text, toolResult))).body, /"text":"a"/);
  });

  it('of a Value is refused beyond 256 levels', () => {
    const list = (length: number): Buffer => heads(6, 1, length);
    const struct = (inner: Buffer): Buffer => raw.bytes(5, raw.bytes(1, raw.bytes(1, 'k'), raw.bytes(2, inner)));
    const value = (levels: number): Buffer =>
      plus(raw.bytes(101, raw.bytes(2, struct(nest(levels, raw.number(4, 1), list)))));
    const { violations } = refusal(value(LEVELS));
    assert.equal(violations[0]?.field, 'extra.value');
    assert.match(violations[0].description, /deeper than 256 levels/);
    assert.ok(
      codec.decodeRequest('messages', value(200)).body.endsWith(`"k":${'['.repeat(200)}true${']'.repeat(200)}}`),
    );
  });

  it('of JSON text is refused beyond 256 levels, closed or not', () => {
    for (const deep of ['['.repeat(LEVELS), `${'{"a":'.repeat(LEVELS)}1${'}'.repeat(LEVELS)}`]) {
      const { violations } = refusal(serialize('CompleteRequest', { ...SMALL, extra: { text: deep } }));
      assert.equal(violations[0]?.field, 'extra.text');
      assert.match(violations[0].description, /nested deeper than 256/);
    }
  });
});

describe('numbers', () => {
  it('of keys in JSON text are bounded', () => {
    const keys = Array.from({ length: MILLION }, (_, index) => `"k${index}":1`);
    const { violations } = refusal(serialize('CompleteRequest', { ...SMALL, extra: { text: `{${keys.join(',')}}` } }));
    assert.equal(violations[0]?.field, 'extra.text');
    assert.match(violations[0].description, /more than 250000 values/);
  });

  it('of keys in a Value are bounded', () => {
    const entry = raw.bytes(1, raw.bytes(1, '0000000'), raw.bytes(2, raw.number(4, 1)));
    const entries = Buffer.alloc(MILLION * entry.length, entry);
    for (let index = 0; index < MILLION; index += 1) entries.write(String(MILLION + index), index * entry.length + 4);
    const { violations } = refusal(plus(raw.bytes(101, raw.bytes(2, raw.bytes(5, entries)))));
    assert.equal(violations[0]?.field, 'extra.value');
    assert.match(violations[0].description, /more than 250000 values/);
  });

  it('of values in all documents together are bounded', () => {
    const document = { text: `[${'0,'.repeat(99_999)}0]` };
    const tools = Array.from({ length: 3 }, () => ({ custom: { name: 'n', input_examples: [document] } }));
    assert.equal(
      refusal(serialize('CompleteRequest', { ...SMALL, tools })).violations[0]?.field,
      'tools[2].custom.input_examples[0].text',
    );
  });

  it('of empty turns are refused at the first few', () => {
    const { violations } = refusal(Buffer.concat([small, Buffer.from('1a00'.repeat(MILLION), 'hex')]));
    const turns = Array.from({ length: 20 }, (_, index) => `messages[${index + 1}].role`);
    assert.deepEqual(
      violations.map(({ field }) => field),
      [...turns, ''],
    );
  });

  it('of violations are bounded at every depth together', () => {
    const wrong = raw.bytes(2, '').toString('hex').repeat(19);
    const id = Buffer.concat([raw.bytes(1, 'id'), Buffer.from(wrong, 'hex')]);
    const level = (length: number): Buffer =>
      Buffer.concat([head(5, id.length + head(2, length).length + length), id, head(2, length)]);
    const { violations, message } = refusal(turnOf(nest(LEVELS, text, level)));
    assert.equal(violations.length, 21);
    assert.match(message, /at least \d+ more/);
  });

  it('of items of a list are bounded', () => {
    const { violations } = refusal(plus(Buffer.from('2a00'.repeat(MILLION), 'hex')));
    assert.equal(violations[0]?.field, 'stop_sequences');
    assert.match(violations[0].description, /more than 100000 items/);
    const tool = raw.bytes(7, raw.bytes(1, raw.bytes(2, 'n')));
    assert.equal(refusal(plus(Buffer.alloc(10_001 * tool.length, tool))).violations[0]?.field, 'tools');
  });

  it('of fields are bounded, be they ever so short', () => {
    assert.match(refusal(plus(Buffer.from('1001'.repeat(MILLION), 'hex'))).message, /beyond the 1000000 fields/);
  });

  it('of turns may be what the API takes', () => {
    const turn = serialize('MessageParam', HI);
    const field = raw.bytes(3, turn);
    const { body } = codec.decodeRequest('messages', plus(Buffer.alloc(99_999 * field.length, field)));
    assert.equal(body.match(/"role":"user"/g)?.length, 100_000);
  });
});

describe('pieces of one message', () => {
  it('cost no more than the message, however many they are', () => {
    const piece = raw.bytes(6, raw.bytes(1, 'u'));
    const pieces = Buffer.alloc(300_000 * piece.length, piece);
    assert.match(codec.decodeRequest('messages', plus(pieces)).body, /"metadata":\{"user_id":"u"\}/);
  });

  it('cost no more at any depth', () => {
    const id = raw.bytes(5, raw.bytes(1, 'id'));
    const halves = (length: number): Buffer => Buffer.concat([id, toolResult(length)]);
    const wire = turnOf(nest(40, raw.bytes(1, raw.bytes(1, 'x'.repeat(MILLION))), halves));
    assert.equal(codec.decodeRequest('messages', wire).body.match(/"tool_use_id":"id"/g)?.length, 40);
  });
});

describe('long texts', () => {
  it('keep every character, escapes or not', () => {
    const long = '\0\u2028"\\\n😀é'.repeat(100_000);
    const message = { ...SMALL, messages: [{ role: 'user', content: [{ text: { text: long } }] }] };
    const sent = JSON.parse(body(message)) as { messages: [{ content: [{ text: string }] }] };
    assert.equal(sent.messages[0].content[0].text, long);
  });

  it('of escapes in JSON text are walked once', () => {
    const string = `"${'\\"'.repeat(MILLION)}"`;
    assert.ok(body({ ...SMALL, extra: { text: `{"a":${string}}` } }).endsWith(`"a":${string}}`));
    refusal(serialize('CompleteRequest', { ...SMALL, extra: { text: `{"a":"${'\\'.repeat(MILLION)}` } }));
  });
});
