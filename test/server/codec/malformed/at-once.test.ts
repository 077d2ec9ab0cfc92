import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { codec, HI, raw, refusal, serialize, SMALL } from '../support.ts';
import { IN_TURN, plus, toolUse, turn, withBlock } from './cases.ts';

/** As many as are listed. */
const MOST = 20;

function fieldsOf(wire: Buffer): string[] {
  return refusal(wire).violations.map(({ field }) => field);
}

const NO_KIND = {};
const LIST = { text: '[]' };
const NO_JSON = { text: '{' };

describe('what is wrong with a request is told at once, in the order of the document:', () => {
  const cases: readonly { name: string; request: object | Buffer; fields: readonly string[] }[] = [
    { name: 'all that is missing at the root', request: {}, fields: ['model', 'max_tokens', 'messages'] },
    {
      name: 'what is missing at the root beside what is wrong inside',
      request: { messages: [{ role: 'user', content: [NO_KIND] }] },
      fields: ['model', 'max_tokens', 'messages[0].content[0]'],
    },
    {
      name: 'every turn',
      request: { ...SMALL, messages: [{}, HI, {}] },
      fields: ['messages[0].role', 'messages[2].role'],
    },
    {
      name: 'every block of a turn, and the turn itself',
      request: { ...SMALL, messages: [{ content: [NO_KIND, HI.content[0], toolUse(LIST)] }] },
      fields: ['messages[0].role', 'messages[0].content[0]', 'messages[0].content[2].tool_use.input'],
    },
    {
      name: 'every list of the root',
      request: {
        ...SMALL,
        messages: [HI, {}],
        system: [NO_KIND],
        tools: [{ custom: { name: 'n', input_schema: LIST } }, NO_KIND],
      },
      fields: ['messages[1].role', 'system[0]', 'tools[0].custom.input_schema', 'tools[1]'],
    },
    {
      name: 'single messages inside, and lists',
      request: { ...SMALL, messages: [{}], thinking: NO_KIND, output_config: { format: NO_KIND }, extra: LIST },
      fields: ['messages[0].role', 'thinking', 'output_config.format', 'extra'],
    },
    {
      name: 'several members of one block',
      request: withBlock({
        document: { source: NO_KIND, cache_control: { extra: LIST }, extra: { text: '{"type":"document"}' } },
      }),
      fields: ['source', 'cache_control.extra', 'extra'].map((field) => `messages[1].content[1].document.${field}`),
    },
    {
      name: 'blocks in a block',
      request: withBlock({ tool_result: { tool_use_id: 't', content: [NO_KIND, { image: { source: NO_KIND } }] } }),
      fields: ['[0]', '[1].image.source'].map((step) => `messages[1].content[1].tool_result.content${step}`),
    },
    {
      name: 'several documents that are no JSON',
      request: { ...withBlock(toolUse(NO_JSON)), extra: NO_JSON },
      fields: ['messages[1].content[1].tool_use.input.text', 'extra.text'],
    },
    {
      name: 'the options of the relay beside the rest',
      request: { ...SMALL, model: '', messages: [{}], relay: { betas: ['a', ''], api_version: 'new' } },
      fields: ['model', 'messages[0].role', 'relay.betas[1]', 'relay.api_version'],
    },
    {
      name: 'what extra repeats beside the options of the relay',
      request: { ...SMALL, extra: { text: '{"model":"m"}' }, relay: { region: 'r'.repeat(513) } },
      fields: ['relay.region', 'extra'],
    },
    {
      name: 'a string that is not UTF-8, once, beside others',
      request: plus(raw.bytes(3, raw.bytes(1, Buffer.of(0xff))), raw.bytes(3, ''), raw.double(17, Number.NaN)),
      fields: ['messages[1].role', 'messages[2].role', 'temperature'],
    },
    {
      name: 'fields of another type, which are not missing too',
      request: Buffer.concat([raw.bytes(3, raw.number(1, 7)), raw.number(1, 7)]),
      fields: ['model', 'max_tokens', 'messages[0].role'],
    },
    {
      name: 'fields that the proto does not have, and what stands behind them',
      request: turn(
        raw.bytes(1, raw.bytes(9, 'b'), raw.bytes(1, Buffer.of(0xff))),
        raw.bytes(77, ''),
        raw.bytes(1, ''),
      ),
      fields: [`${IN_TURN}.text`, `${IN_TURN}.text.text`, 'messages[1].content[1]'],
    },
    {
      name: 'what comes behind a message that is cut off, but of this nothing more',
      request: plus(raw.bytes(3, raw.bytes(2, '').subarray(0, 1)), raw.bytes(3, '')),
      fields: ['messages[1].content[0]', 'messages[2].role'],
    },
    {
      name: 'what is on the wire in another order',
      request: Buffer.concat([
        raw.bytes(7, ''),
        raw.bytes(3, raw.bytes(2, ''), raw.bytes(2, '')),
        raw.number(2, -1),
        raw.bytes(1, 'm'),
      ]),
      fields: ['max_tokens', 'messages[0].role', 'messages[0].content[0]', 'messages[0].content[1]', 'tools[0]'],
    },
    {
      name: 'only the first, where the bytes are no protobuf',
      request: Buffer.from('{"model":"m"}'),
      fields: ['container'],
    },
    {
      name: 'only the first, where they are cut off',
      request: raw.bytes(3, 'cut').subarray(0, -1),
      fields: ['messages[0]'],
    },
    {
      name: 'only the first, where they are too much to be read',
      request: Buffer.alloc(2_000_000, raw.bytes(5, '')),
      fields: ['stop_sequences'],
    },
  ];
  for (const { name, request, fields } of cases) {
    it(name, () => {
      assert.deepEqual(fieldsOf(Buffer.isBuffer(request) ? request : serialize('CompleteRequest', request)), fields);
    });
  }

  it('the message tells the first, and how many more there are', () => {
    assert.match(refusal(Buffer.alloc(0)).message, /^model is missing.*\(and 2 more, see BadRequest in the details\)$/);
  });
});

interface Part {
  readonly message: object;
  /** Paths of what is wrong in it, from its own place. */
  readonly faults: readonly string[];
}

function listOf(name: string, parts: readonly Part[]): Part {
  return {
    message: { [name]: parts.map(({ message }) => message) },
    faults: parts.flatMap(({ faults }, index) =>
      faults.map((fault) => `${name}[${index}]${fault === '' ? '' : `.${fault}`}`),
    ),
  };
}

/** A message that has what it requires, or lacks some of it. */
const part = (name: string, good: object): fc.Arbitrary<Part> =>
  fc.constantFrom({ message: good, faults: [] }, { message: {}, faults: [name] });

const { block } = fc.letrec<{ block: Part; result: Part }>((tie) => ({
  block: fc.oneof(
    { depthSize: 'small' },
    part('', { text: { text: 'a' } }),
    part('image.source', { url: { url: 'u' } }).map(({ message, faults }) => ({
      message: { image: { source: message } },
      faults,
    })),
    fc.boolean().map((isGood) => ({
      message: toolUse({ text: isGood ? '{}' : '[]' }),
      faults: isGood ? [] : ['tool_use.input'],
    })),
    tie('result'),
  ),
  result: fc.array(tie('block'), { maxLength: 3 }).map((blocks) => {
    const { message, faults } = listOf('content', blocks);
    return { message: { tool_result: message }, faults: faults.map((fault) => `tool_result.${fault}`) };
  }),
}));

const user = fc.tuple(part('role', { role: 'user' }), fc.array(block, { maxLength: 4 })).map(([role, blocks]): Part => {
  const content = listOf('content', blocks);
  return { message: { ...role.message, ...content.message }, faults: [...role.faults, ...content.faults] };
});

/** Requests, and the paths of what they lack, in the order of the proto file. */
const request = fc
  .tuple(
    part('model', { model: 'm' }),
    part('max_tokens', { max_tokens: 1 }),
    fc.array(user, { minLength: 1, maxLength: 6 }).map((turns) => listOf('messages', turns)),
    fc.array(block, { maxLength: 2 }).map((blocks) => listOf('system', blocks)),
    fc
      .array(part('', { custom: { name: 'n', input_schema: { text: '{}' } } }), { maxLength: 2 })
      .map((tools) => listOf('tools', tools)),
  )
  .map(
    (parts): Part => ({
      message: Object.assign({}, ...parts.map(({ message }) => message)) as object,
      faults: parts.flatMap(({ faults }) => faults),
    }),
  );

describe('a request that lacks any number of things at any depth', () => {
  it(`is told each of them with its path, and nothing else, up to ${MOST}`, () => {
    let many = 0;
    fc.assert(
      fc.property(request, ({ message, faults }) => {
        const wire = serialize('CompleteRequest', message);
        if (faults.length === 0) {
          assert.doesNotThrow(() => codec.decodeRequest('messages', wire));
        } else if (faults.length <= MOST) {
          assert.deepEqual(fieldsOf(wire), faults);
        } else {
          const told = fieldsOf(wire);
          assert.equal(told.pop(), '');
          assert.equal(told.length, MOST);
          assert.deepEqual(
            told,
            faults.filter((fault) => told.includes(fault)),
          );
        }
        if (faults.length > 2) many += 1;
      }),
      { numRuns: 1000 },
    );
    assert.ok(many > 200, `only ${many} requests lack more than two things`);
  });

  it(`is told that there is more beyond the first ${MOST}`, () => {
    const turns = (length: number): Buffer =>
      serialize('CompleteRequest', { ...SMALL, messages: Array.from({ length }, () => ({})) });
    assert.equal(refusal(turns(MOST)).violations.length, MOST);
    assert.match(refusal(turns(MOST)).message, /\(and 19 more,/);
    for (const length of [MOST + 1, 1000]) {
      const { violations, message } = refusal(turns(length));
      assert.deepEqual(
        [violations.length, violations[MOST - 1]?.field, violations[MOST]?.description],
        [MOST + 1, 'messages[19].role', 'has more violations than these; correct these first'],
      );
      assert.match(message, /^messages\[0\]\.role is missing.*\(and at least 20 more,/);
    }
  });
});
