import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
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
  });

  it('does not repair what is wrong', () => {
    assert.equal(completeJson('{"a":]'), undefined);
    assert.equal(completeJson('hello'), undefined);
    assert.equal(completeJson('{"a" 1}'), undefined);
  });
});
