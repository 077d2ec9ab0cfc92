import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { typeOf } from '../../src/completion/events.ts';
import { elements, entries, JsonSyntaxError, JsonWalker, members, objectText } from '../../src/completion/json.ts';
import { completeJson } from '../../src/completion/partial-json.ts';

const LIMITS = { maxDepth: 100, maxValues: 10_000 };

function isJson(text: string): boolean {
  try {
    new JsonWalker(LIMITS).check(text);
    return true;
  } catch (thrown) {
    assert.ok(thrown instanceof JsonSyntaxError);
    return false;
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('JsonWalker', () => {
  it('takes exactly what JSON.parse takes, of documents with one character changed', () => {
    const document = fc.json({ maxDepth: 4 });
    fc.assert(
      fc.property(document, fc.nat(), fc.constantFrom(...'{}[]":,\\ -+.eE019tfnu\u0000\n'), (text, at, char) => {
        const changed = text.slice(0, at % (text.length + 1)) + char + text.slice((at % (text.length + 1)) + 1);
        assert.equal(isJson(changed), parses(changed), changed);
      }),
      { numRuns: 3000 },
    );
  });

  it('takes exactly what JSON.parse takes, of long strings with one character changed', () => {
    const string = fc.string({ unit: 'grapheme', minLength: 60, maxLength: 300 });
    fc.assert(
      fc.property(
        string,
        fc.nat(),
        fc.constantFrom('"', '\\', 'u', '\0', '\n', '\u2028', '\ud83d', '/', 'x'),
        (text, at, char) => {
          const json = `{"a":${JSON.stringify(text)},"b":1}`;
          const changed = json.slice(0, at % json.length) + char + json.slice((at % json.length) + 1);
          assert.equal(isJson(changed), parses(changed), changed);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('says where a long string goes wrong', () => {
    const offset = (json: string): number | undefined => {
      try {
        new JsonWalker(LIMITS).check(json);
      } catch (thrown) {
        return thrown instanceof JsonSyntaxError ? thrown.offset : undefined;
      }
      return undefined;
    };
    const long = 'x'.repeat(1000);
    assert.equal(offset(`"${long}\\q"`), 1001);
    assert.equal(offset(`"${long}\\n\\u00zz"`), 1003);
    assert.equal(offset(`"${long}\n"`), 1001);
    assert.equal(offset(`"${long}\\"`), 1003);
    assert.equal(offset(`["${long}\\\\",1]`), undefined);
  });

  it('refuses documents beyond its limits instead of walking them', () => {
    assert.ok(isJson('['.repeat(100) + ']'.repeat(100)));
    assert.ok(!isJson('['.repeat(101) + ']'.repeat(101)));
    assert.ok(!isJson('['.repeat(1_000_000)));
    assert.ok(!isJson(`[${'0,'.repeat(10_000)}0]`));
  });
});

describe('members and elements', () => {
  it('keep the exact text of every value, and the order of keys', () => {
    const text = '{ "10" : 1.0 , "9":12345678901234567890,"__proto__":{"a" : [1e2 ]}, "k\\u0065y":"\\ud83d" }';
    assert.deepEqual(
      [...members(text)],
      [
        ['10', '1.0'],
        ['9', '12345678901234567890'],
        ['__proto__', '{"a" : [1e2 ]}'],
        ['key', '"\\ud83d"'],
      ],
    );
    assert.deepEqual(elements(' [ 1.10 , {} ,[ ] ]'), ['1.10', '{}', '[ ]']);
  });

  it('show a key that stands twice', () => {
    assert.deepEqual(entries('{"a":1,"a":2}'), [
      ['a', '1'],
      ['a', '2'],
    ]);
  });

  it('take one document and nothing else', () => {
    for (const text of [
      '',
      '1',
      '{} {}',
      '{},',
      '{"a":1,}',
      '{"a" 1}',
      '{a:1}',
      '{"a":1',
      '[',
      '[1,]',
      '[1] 2',
      'null',
    ]) {
      assert.throws(() => entries(text), JsonSyntaxError, text);
      assert.throws(() => elements(text), JsonSyntaxError, text);
    }
  });

  it('put any object together again', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()), (object) => {
        const text = JSON.stringify(object);
        assert.equal(objectText(members(text)), text);
      }),
    );
  });
});

describe('completeJson', () => {
  it('gives a readable prefix of every document that is cut anywhere', () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }));
    fc.assert(
      fc.property(object, fc.nat(), (value, at) => {
        const text = JSON.stringify(value);
        const cut = text.slice(0, 1 + (at % text.length));
        const completed = completeJson(cut);
        assert.ok(completed !== undefined && parses(completed), `${cut} -> ${completed}`);
      }),
      { numRuns: 2000 },
    );
  });

  it('leaves a whole document as it is, to the byte', () => {
    const text = '{"z":1.10,"a":{"b":[1e2,12345678901234567890]}}';
    assert.equal(completeJson(text), text);
  });

  it('drops what is unfinished', () => {
    assert.equal(completeJson('{"a":"b","c":"d'), '{"a":"b"}');
    assert.equal(completeJson('{"a":1,"b'), '{"a":1}');
    assert.equal(completeJson('{"a":1,"b":'), '{"a":1}');
    assert.equal(completeJson('{"a":[1,2'), '{"a":[1]}');
    assert.equal(completeJson('{"a":tru'), '{}');
    for (const cut of ['\\', '\\u', '\\u0', '\\u00e', '\\\\\\'])
      assert.equal(completeJson(`{"a":1,"b":"c${cut}`), '{"a":1}');
  });

  it('does not repair what is wrong', () => {
    assert.equal(completeJson('{"a":"b","c":"\\q","d":1}'), undefined);
    assert.equal(completeJson('{"a":"b","c":"\\u12zz'), undefined);
    assert.equal(completeJson('{"a":"line\nbreak"}'), undefined);
    assert.equal(completeJson('{} x'), undefined);
    assert.equal(completeJson('}'), undefined);
    assert.equal(completeJson('{"a":]'), undefined);
    assert.equal(completeJson('hello'), undefined);
    assert.equal(completeJson('{"a" 1}'), undefined);
  });

  it('reads what a model wrote once, however deep it goes', () => {
    assert.equal(completeJson('['.repeat(1_000_000)), undefined);
    assert.equal(completeJson('{"a":'.repeat(500)), `${'{"a":'.repeat(499)}{}${'}'.repeat(499)}`);
    const wide = `[${'[0],'.repeat(300_000)}`;
    assert.equal(completeJson(wide), `${wide.slice(0, -1)}]`);
  });
});

describe('typeOf', () => {
  it('finds the type wherever it stands, and however it is spelt', () => {
    assert.equal(typeOf('{"type":"text","text":"a"}'), 'text');
    assert.equal(typeOf(' { "text" : { "type" : "x" } , "type" : "te\\u0078t" }'), 'text');
    assert.equal(typeOf('{"t\\u0079pe":"text"}'), 'text');
    assert.equal(typeOf('[{"type":"a"},{"a":1,"type":"b"}]', 14), 'b');
  });

  it('finds none where the type is no string, or not there', () => {
    for (const text of ['{}', '{"type":null}', '{"type":5}', '{"type":{"type":"a"}}', '{"types":"a"}']) {
      assert.equal(typeOf(text), undefined, text);
    }
    for (const text of ['', '[]', '"type"', '{"type":"a', '{"a":1,"type":"b"']) {
      assert.throws(() => typeOf(text), JsonSyntaxError, text);
    }
  });
});
