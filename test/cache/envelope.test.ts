import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { decodeStored, encodeStored, type Stored } from '../../src/cache/envelope.ts';

const MAX = 64 * 1024;

function encoded(stored: Stored, maxBytes = MAX): Buffer {
  const bytes = encodeStored(stored, maxBytes);
  assert.ok(bytes !== undefined, 'it was taken for too large');
  return bytes;
}

const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const stored = fc.record(
  {
    body: fc.string({ unit: 'grapheme', maxLength: 2000 }).map((text) => JSON.stringify({ text })),
    storedAtMs: time,
    ttlMs: time,
    simulated: fc.constant(true),
  },
  { requiredKeys: ['body', 'storedAtMs', 'ttlMs'], noNullPrototype: true },
);

describe('the envelope of a kept answer', () => {
  it('gives back what was put in', () => {
    fc.assert(fc.property(stored, (answer) => assert.deepEqual(decodeStored(encoded(answer), MAX), answer)));
  });

  it('notices any byte that has changed, and anything missing or added', () => {
    fc.assert(
      fc.property(stored, fc.nat(), fc.integer({ min: 1, max: 255 }), (answer, position, change) => {
        const bytes = encoded(answer);
        const at = position % bytes.length;
        assert.equal(decodeStored(bytes.subarray(0, at), MAX), undefined);
        assert.equal(decodeStored(Buffer.concat([bytes, Buffer.from([change])]), MAX), undefined);
        bytes.writeUInt8(bytes.readUInt8(at) ^ change, at);
        assert.equal(decodeStored(bytes, MAX), undefined);
      }),
    );
  });

  it('takes no other bytes for an answer', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => assert.equal(decodeStored(Buffer.from(bytes), MAX), undefined)));
  });

  it('compresses what is long enough', () => {
    const sentence = 'The quick brown fox jumps over the lazy dog. ';
    const bytes = encoded({ body: sentence.repeat(100), storedAtMs: 1, ttlMs: 2 });
    assert.ok(bytes.length < 200, `${bytes.length} bytes`);
    assert.equal(encoded({ body: 'short', storedAtMs: 1, ttlMs: 2 }).length, 22 + 5);
  });

  it('neither packs nor unpacks more than it may, however small it is packed', () => {
    const stored = { body: 'a'.repeat(5000), storedAtMs: 1, ttlMs: 2 };
    assert.equal(encodeStored(stored, 4999), undefined);
    assert.equal(encodeStored({ ...stored, body: 'é'.repeat(4000) }, 5000), undefined);
    const bytes = encoded(stored);
    assert.ok(bytes.length < 100);
    assert.equal(decodeStored(bytes, 4999), undefined);
    assert.deepEqual(decodeStored(bytes, 5000), stored);
  });
});
