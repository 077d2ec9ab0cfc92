import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { hexDigestWords } from '../../../src/cache/policy/key-hash.ts';

for (const algorithm of ['sha256', 'md5']) {
  test(`the words of a ${algorithm} digest are its first 16 bytes, in either case of letters`, () => {
    for (let i = 0; i < 50; i += 1) {
      const digest = createHash(algorithm).update(String(i)).digest();
      const expected = [0, 4, 8, 12].map((at) => digest.readInt32BE(at));
      for (const key of [digest.toString('hex'), digest.toString('hex').toUpperCase()]) {
        const words = new Int32Array(4);
        hexDigestWords(key, words);
        assert.deepEqual([...words], expected);
      }
    }
  });
}
