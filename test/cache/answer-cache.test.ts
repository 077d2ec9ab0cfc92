import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { describe, it } from 'node:test';
import { AnswerCache, type NewAnswer } from '../../src/cache/answer-cache.ts';
import { ManualClock } from '../redis/manual-clock.ts';

const KEY = '0'.repeat(64);
const OTHER = 'f'.repeat(64);
const TTL = 1_000;
/** Two texts of one MD5 digest, by M. Stevens (github.com/cr-marcstevens/hashclash, text collision). */
const COLLIDING = ['A', 'E'].map(
  (letter) => `TEXTCOLLBYfGiJUETHQ4h${letter}cKSMd5zYpgqf1YRDhkmxHkhPWptrkoyz28wnI9V0aHeAuaKnak`,
);

function answer(body: string, parts: Partial<NewAnswer> = {}): NewAnswer {
  return { body, usage: {}, age: 0, ...parts };
}

function opened(maxBytes = 2 ** 20) {
  const clock = new ManualClock();
  const left: string[] = [];
  const cache = new AnswerCache({ maxBytes, counters: 1024, clock, left: (key) => left.push(key) });
  const bodyOf = (request = '') => cache.find(KEY, request)?.answer.body;
  return { clock, left, cache, bodyOf };
}

describe('the cache of answers in a process', () => {
  it('tells of what it finds: its age, life and hits', () => {
    const { clock, cache } = opened();
    cache.keep(KEY, '', answer('{}'), TTL);
    clock.advance(300);
    cache.find(KEY, '');
    const { age, ttl, hits } = cache.take(KEY) ?? assert.fail('not found');
    assert.deepEqual([age, ttl, hits], [300, TTL, 2]);
  });

  it('counts the age that an answer had when it came', () => {
    const { clock, cache } = opened();
    cache.keep(KEY, '', answer('{}', { age: 600 }), TTL);
    clock.advance(399);
    const { age, ttl } = cache.find(KEY, '') ?? assert.fail('not found');
    assert.deepEqual([age, ttl], [999, TTL]);
    clock.advance(1);
    assert.equal(cache.find(KEY, ''), undefined);
    assert.equal(cache.keep(KEY, '', answer('{}', { age: TTL }), TTL), false, 'too old already');
  });

  it('finds nothing for another request under the same key, and tells when that takes its place', () => {
    const { cache, left, bodyOf } = opened();
    cache.keep(KEY, 'one', answer('1'), TTL);
    assert.equal(bodyOf('other'), undefined);
    assert.deepEqual([cache.ageOf(KEY, 'one'), cache.ageOf(KEY, 'other'), left], [0, undefined, []]);
    assert.equal(cache.keep(KEY, 'other', answer('2'), TTL), true);
    assert.deepEqual([bodyOf('one'), bodyOf('other'), left], [undefined, '2', [KEY]]);
  });

  it('shares nothing between requests that collide, by their texts with MD5, by their digests with SHA-256', () => {
    const [one = '', other = ''] = COLLIDING;
    const { cache } = opened();
    const key = hash('md5', one, 'hex');
    assert.equal(key, hash('md5', other, 'hex'));
    cache.keep(key, one, answer('1'), TTL);
    assert.equal(cache.find(key, other), undefined);
    assert.equal(cache.find(key, one)?.answer.body, '1');
    cache.keep(hash('sha256', one, 'hex'), '', answer('1'), TTL);
    assert.equal(cache.find(hash('sha256', other, 'hex'), ''), undefined);
  });

  it('counts what an answer takes: its text on the heap, where a dash doubles it, and what the edge makes of it', () => {
    const { cache } = opened();
    const growth = (key: string, body: string): number => {
      const before = cache.bytes;
      cache.keep(key, '', answer(body), TTL);
      return cache.bytes - before;
    };
    const plain = growth(KEY, 'x'.repeat(3_000));
    const dashed = growth(OTHER, `—${'x'.repeat(2_999)}`);
    assert.equal(dashed - plain, 3_000 + 2, 'a byte more for each character, and two more of UTF-8');
  });

  it('keeps answers of up to a 64th of it, in bytes, and nothing in the place of a larger one', () => {
    const { cache, left, bodyOf } = opened(64 * 1024);
    assert.equal(cache.keep(KEY, '', answer('é'.repeat(512)), TTL), true);
    assert.equal(cache.keep(KEY, '', answer(`${'é'.repeat(512)}!`), TTL), false);
    assert.deepEqual([bodyOf(), left], [undefined, [KEY]]);
  });

  it('holds no more than it may, and tells what has left for that', () => {
    const { cache, left } = opened(64 * 1024);
    const keys = Array.from({ length: 200 }, (_, index) => index.toString(16).padStart(8, '0').repeat(8));
    for (const key of keys) cache.keep(key, '', answer('x'.repeat(500)), TTL);
    assert.ok(cache.bytes <= 64 * 1024);
    assert.equal(cache.entries + new Set(left).size, keys.length);
    assert.equal(cache.metrics.keysEvicted, left.length);
    cache.keep(OTHER, '', answer('x'), TTL);
    assert.equal(cache.take(OTHER)?.answer.body, 'x');
  });
});
