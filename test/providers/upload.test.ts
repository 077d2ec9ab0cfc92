import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import fc from 'fast-check';
import { Upload } from '../../src/providers/upload.ts';

/** Texts of several pieces, whose pieces may end anywhere in what stands between long stretches. */
const long = fc
  .array(fc.tuple(fc.constantFrom(1, 131_070, 262_142, 262_143, 262_144), fc.string({ unit: 'binary' })), {
    maxLength: 4,
  })
  .map((parts) => parts.map(([length, text]) => 'é'.repeat(length) + text).join(''));

test('the pieces of a text are its UTF-8, wherever they end', async () => {
  await fc.assert(
    fc.asyncProperty(long, fc.constantFrom('', ',"stream":true}'), async (text, end) => {
      const upload = new Upload(text, end);
      const sent = await buffer(upload);
      assert.ok(sent.equals(Buffer.from(text + end)));
      assert.equal(upload.bytes, sent.length);
    }),
    { numRuns: 50 },
  );
});

test('no piece ends between the halves of a character, and a lone half is replaced as it would be in the whole', async () => {
  for (const text of [
    'x'.repeat(262_143) + '😀'.repeat(3),
    `${'x'.repeat(262_143)}\ud83dx`,
    '\ud83d'.repeat(300_000),
  ]) {
    assert.ok((await buffer(new Upload(text, ''))).equals(Buffer.from(text)));
  }
});
