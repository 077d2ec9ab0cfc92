import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as round } from 'node:timers/promises';
import fc from 'fast-check';
import type { CacheMode } from '../../src/completion/cache-policy.ts';
import { type Got, memoryRedis, questionOf, World, type WorldOptions } from './reuse-world.ts';

const TTL = 1_000;
const SETTINGS = { ttl: '1s', refresh_ahead: 1, counters: 1024 };

describe('the cache of answers', () => {
  it('answers again what was answered, until its time is over', async () => {
    const world = new World({ cache: SETTINGS });
    await world.exchange(world.call('Hi'));
    world.clock.advance(TTL - 1);
    const hit = await world.exchange(world.call('Hi'));
    assert.deepEqual([hit.serial, hit.call.trace.cacheStatus, hit.call.trace.cacheAge], [0, 'HIT', TTL - 1]);
    world.clock.advance(1);
    const miss = await world.exchange(world.call('Hi'));
    assert.deepEqual([miss.serial, miss.call.trace.cacheStatus], [1, 'MISS']);
  });

  it('does not let an answer that was asked for earlier take the place of a refreshed one', async () => {
    const world = new World({ cache: SETTINGS });
    const slow = world.ask(world.call('Hi'));
    await world.exchange(world.call('Hi', { mode: 'refresh' }));
    world.asked[0]?.answer();
    assert.equal((await slow).serial, 0);
    await round();
    assert.equal((await world.exchange(world.call('Hi'))).serial, 1);
  });

  it('keeps no answer that is larger than a 64th of it, nor the one that it would replace', async () => {
    const world = new World({ cache: { ...SETTINGS, max_bytes: '1MiB' } });
    const largest = 2 ** 20 / 64;
    await world.exchange(world.call('Hi'), { text: 'x'.repeat(largest - 400) });
    assert.equal((await world.exchange(world.call('Hi'))).serial, 0);
    await world.exchange(world.call('Hi', { mode: 'refresh' }), { text: 'x'.repeat(largest) });
    assert.equal((await world.exchange(world.call('Hi'))).serial, 2);
  });

  it('uses the defaults of the tenant, and what the call says before them', async () => {
    const tenants = [
      { name: 'off', token_sha256: 'a'.repeat(64), cache: { mode: 'off' } },
      { name: 'brief', token_sha256: 'b'.repeat(64), cache: { ttl: '2s' } },
    ];
    const world = new World({ cache: SETTINGS, tenants });
    const statusOf = async (tenant: string, mode?: CacheMode) => {
      const { call } = await world.exchange(world.call('Hi', { mode }, { tenant }));
      return call.trace.cacheStatus;
    };
    assert.deepEqual([await statusOf('off'), await statusOf('off')], ['BYPASS', 'BYPASS']);
    assert.deepEqual([await statusOf('off', 'exact'), await statusOf('off', 'exact')], ['MISS', 'HIT']);
    await statusOf('brief');
    world.clock.advance(2 * TTL - 1);
    assert.equal(await statusOf('brief'), 'HIT');
  });

  it('takes over other defaults, for tenants and for everybody, and keeps what it has', async () => {
    const named = (mode: string) => [{ name: 'named', token_sha256: 'a'.repeat(64), cache: { mode } }];
    const world = new World({ cache: SETTINGS, tenants: named('exact') });
    const statuses = async () => {
      const calls = ['named', 'anonymous'].map((tenant) => world.exchange(world.call('Hi', {}, { tenant })));
      return (await Promise.all(calls)).map(({ call }) => call.trace.cacheStatus);
    };
    assert.deepEqual(await statuses(), ['MISS', 'MISS']);
    world.reload({ ...SETTINGS, mode: 'exact' }, named('off'));
    assert.deepEqual(await statuses(), ['BYPASS', 'HIT']);
    world.reload({ ...SETTINGS, mode: 'off' }, named('exact'));
    assert.deepEqual(await statuses(), ['HIT', 'BYPASS']);
  });

  it('renews popular answers near their end, through what every call passes', async () => {
    const renewed: string[] = [];
    const world = new World({
      cache: { ttl: '1s' },
      renewing: (next) => (call) => {
        renewed.push(`${call.id} ${call.routing.priority}`);
        return next(call);
      },
    });
    await world.exchange(world.call('Hi'));
    for (let hit = 0; hit < 2; hit++) await world.exchange(world.call('Hi'));
    world.clock.advance(TTL * 0.851);
    // Its random number is 0.5 and the jitter spreads over half of the last fifth: due at 0.85.
    assert.equal((await world.exchange(world.call('Hi'))).serial, 0);
    assert.deepEqual(renewed, ['call-1-refresh background']);
    world.clock.advance(TTL * 0.5);
    assert.equal((await world.exchange(world.call('Hi'))).serial, 1);
    assert.equal(world.clock.untilNext, undefined, 'no timer is left behind');
  });

  it('takes over what another replica has renewed, in the place of renewing it too', async () => {
    const redis = memoryRedis();
    const [one, other] = [new World({ cache: { ttl: '1s' }, redis }), new World({ cache: { ttl: '1s' }, redis })];
    for (const world of [one, other]) {
      for (let calls = 0; calls < 3; calls++) await world.exchange(world.call('Hi'));
      world.clock.advance(TTL * 0.851);
    }
    assert.deepEqual([one.asked.length, other.asked.length], [1, 0], 'what one has asked, the other need not ask');
    await one.exchange(one.call('Hi'));
    assert.equal((await one.exchange(one.call('Hi'))).serial, 1);
    await other.exchange(other.call('Hi'));
    assert.equal((await other.exchange(other.call('Hi'))).serial, 1, 'the renewed one');
    assert.equal(other.asked.length, 0);
  });

  it('finds similar prompts of the calls that asked for that, after a refresh too', async () => {
    const world = new World({ cache: SETTINGS });
    await world.exchange(world.call('What is the capital of France?', { mode: 'similar' }));
    const similar = () => world.exchange(world.call('what is the capital of france', { mode: 'similar' }));
    const found = await similar();
    assert.deepEqual([found.serial, found.call.trace.cacheStatus, found.call.trace.similarity], [0, 'SIMILAR', 1]);
    await world.exchange(world.call('What is the capital of France?', { mode: 'refresh' }));
    assert.equal((await similar()).serial, 1);
    world.clock.advance(TTL);
    assert.equal((await similar()).serial, 2);
  });

  it('shares no answer between requests whose digests collide, similar ones and flights included', async () => {
    const world = new World({ cache: { ...SETTINGS, digest: 'md5' }, digest: () => '0'.repeat(32) });
    const policy = { mode: 'similar' } as const;
    const [one, other] = [
      world.ask(world.call('Name a red fruit', policy)),
      world.ask(world.call('Name a bird', policy)),
    ];
    await round();
    assert.equal(world.asked.length, 2, 'two flights');
    for (const asked of world.asked) asked.answer();
    assert.deepEqual([(await one).serial, (await other).serial], [0, 1]);
    await round();
    // The second has displaced the first, which leaves no trace by which it could be found.
    const similar = await world.exchange(world.call('name a red fruit', policy));
    assert.deepEqual([similar.serial, similar.call.trace.cacheStatus], [2, 'MISS']);
    const second = await world.exchange(world.call('Name a bird', policy));
    assert.deepEqual([second.serial, second.call.trace.cacheStatus], [3, 'MISS']);
    assert.equal((await world.exchange(world.call('Name a bird', policy))).call.trace.cacheStatus, 'HIT');
  });

  it('shares no answer between tenants whose digests collide, even for one body', async () => {
    const world = new World({ cache: { ...SETTINGS, digest: 'md5' }, digest: () => '0'.repeat(32) });
    await world.exchange(world.call('Hi', {}, { tenant: 'a' }));
    assert.equal((await world.exchange(world.call('Hi', {}, { tenant: 'b' }))).call.trace.cacheStatus, 'MISS');
  });
});

const MODES: readonly (CacheMode | undefined)[] = [undefined, 'off', 'exact', 'similar', 'refresh'];
/** Of each pair the second says the same in other typing. */
const PROMPTS = ['What is the capital of France?', 'what is the capital of france', 'Name a bird.', 'name a bird'];

/** One step of a world's history. */
type Step =
  | {
      readonly kind: 'call';
      readonly tenant: string;
      readonly prompt: number;
      readonly mode: CacheMode | undefined;
      readonly ttlMs: number | undefined;
      readonly wantsStream: boolean;
    }
  | {
      readonly kind: 'answer';
      readonly tenant: string;
      /** Of the tenant's requests that are not answered yet. */
      readonly which: number;
      readonly form: 'whole' | 'stream';
      readonly stopReason: string;
      readonly fails: boolean;
    }
  /** One of the tenant's latest callers goes away. */
  | { readonly kind: 'leave'; readonly tenant: string; readonly which: number }
  | { readonly kind: 'pass'; readonly milliseconds: number };

function steps(tenants: readonly string[], prompts = PROMPTS.length): fc.Arbitrary<Step[]> {
  const tenant = fc.constantFrom(...tenants);
  const call = fc.record({
    kind: fc.constant('call' as const),
    tenant,
    prompt: fc.nat(prompts - 1),
    mode: fc.constantFrom(...MODES),
    ttlMs: fc.option(fc.integer({ min: 1, max: 3 * TTL }), { nil: undefined }),
    wantsStream: fc.boolean(),
  });
  const answer = fc.record({
    kind: fc.constant('answer' as const),
    tenant,
    which: fc.nat(3),
    form: fc.constantFrom('whole' as const, 'stream' as const),
    stopReason: fc.constantFrom('end_turn', 'end_turn', 'end_turn', 'max_tokens', 'refusal', 'pause_turn'),
    fails: fc.nat(9).map((roll) => roll === 0),
  });
  const leave = fc.record({ kind: fc.constant('leave' as const), tenant, which: fc.nat(3) });
  const pass = fc.record({ kind: fc.constant('pass' as const), milliseconds: fc.integer({ min: 1, max: TTL }) });
  const step: fc.Arbitrary<Step> = fc.oneof(
    { arbitrary: call, weight: 6 },
    { arbitrary: answer, weight: 5 },
    { arbitrary: pass, weight: 2 },
    { arbitrary: leave, weight: 1 },
  );
  return fc.array(step, { maxLength: 40, size: '+1' });
}

/** Of the answers kept for a request, the one that was asked for last, and until when it lives. */
interface Kept {
  readonly serial: number;
  readonly until: number;
}

/** What one caller got, and what lay in the cache for him when he called. */
interface Seen extends Got {
  readonly step: Extract<Step, { kind: 'call' }>;
  readonly there: Kept | undefined;
}

interface Caller {
  readonly tenant: string;
  readonly controller: AbortController;
}

/** Plays the steps beside a model of what is kept, and tells what each caller got. */
async function play(options: WorldOptions, history: readonly Step[]): Promise<Seen[]> {
  const world = new World(options);
  const seen: Promise<Seen>[] = [];
  const callers: Caller[] = [];
  const kept = new Map<string, Kept>();
  for (const step of history) {
    if (step.kind === 'pass') world.clock.advance(step.milliseconds);
    else if (step.kind === 'leave') {
      callers
        .filter(({ tenant }) => tenant === step.tenant)
        .at(-1 - step.which)
        ?.controller.abort(new Error('left'));
    } else if (step.kind === 'answer') {
      const asked = world.open.filter(({ call }) => call.tenant === step.tenant)[step.which];
      if (asked === undefined) continue;
      const { call, serial } = asked;
      asked.answer(step);
      const isKept = !step.fails && step.stopReason === 'end_turn' && call.cache.mode !== 'off';
      const isNewest = (kept.get(questionOf(call))?.serial ?? -1) < serial;
      const until = world.clock.now() + (call.cache.ttlMs ?? TTL);
      if (isKept && isNewest) kept.set(questionOf(call), { serial, until });
    } else {
      const { tenant, prompt, wantsStream, mode, ttlMs } = step;
      const controller = new AbortController();
      callers.push({ tenant, controller });
      const { signal } = controller;
      const call = world.call(PROMPTS[prompt] ?? '', { mode, ttlMs }, { tenant, wantsStream, signal });
      const known = kept.get(questionOf(call));
      const there = known !== undefined && known.until > world.clock.now() ? known : undefined;
      seen.push(world.ask(call).then((got) => ({ ...got, step, there })));
    }
    await round();
  }
  for (const asked of world.open) asked.answer();
  return Promise.all(seen);
}

const RUNS = { numRuns: 150 };

describe('after any sequence of calls', () => {
  it('everybody gets the newest answer to his own question that is still alive, and nothing else from the cache', async () => {
    await fc.assert(
      fc.asyncProperty(steps(['a'], 2), async (history) => {
        for (const { call, text, serial, step, there } of await play({ cache: SETTINGS }, history)) {
          if (serial === undefined) continue;
          const { cacheStatus } = call.trace;
          const twin = call.body.replace(PROMPTS[step.prompt] ?? '', PROMPTS[step.prompt ^ 1] ?? '');
          const questions = [call.body, ...(cacheStatus === 'SIMILAR' ? [twin] : [])];
          assert.ok(
            questions.some((body) => text === questionOf({ ...call, body })),
            `${text} for ${call.body}`,
          );
          const mayReuse = step.mode !== 'off' && step.mode !== 'refresh';
          assert.equal(cacheStatus === 'HIT', mayReuse && there !== undefined);
          if (cacheStatus === 'HIT') assert.equal(serial, there?.serial);
        }
      }),
      RUNS,
    );
  });

  const worlds: Readonly<Record<string, WorldOptions>> = {
    'exact answers': { cache: SETTINGS },
    'similar answers': { cache: { ...SETTINGS, mode: 'similar' } },
    'digests that collide': { cache: { ...SETTINGS, mode: 'similar', digest: 'md5' }, digest: () => '0'.repeat(32) },
  };
  for (const [name, options] of Object.entries(worlds)) {
    it(`of one tenant, another gets what he would have got without it: ${name}`, async () => {
      const collide = options.digest !== undefined;
      await fc.assert(
        fc.asyncProperty(steps(['mallory', 'alice']), async (history) => {
          const alone = history.filter((step) => step.kind === 'pass' || step.tenant === 'alice');
          const [among, without] = [await play(options, history), await play(options, alone)];
          const gotten = (seen: readonly Seen[]) =>
            seen
              .filter(({ call }) => call.tenant === 'alice')
              .map(({ call: { trace, body }, text }) => [
                body,
                text,
                ...(collide ? [] : [trace.cacheStatus, trace.cacheAge]),
              ]);
          // Where digests collide, one may take the other's place in the cache, and so its hits, but never its answers.
          const expected = gotten(without);
          if (collide)
            for (const [body, text] of gotten(among)) assert.ok(text === '' || isOwn(String(body), String(text)));
          else assert.deepEqual(gotten(among), expected);
        }),
        RUNS,
      );
    });
  }
});

/** Whether a text answers alice's question, in either typing. */
function isOwn(body: string, text: string): boolean {
  const canonical = (written: string): string => written.toLowerCase().replace(/[?.]/g, '');
  return canonical(text) === canonical(`alice asked ${body}`);
}
