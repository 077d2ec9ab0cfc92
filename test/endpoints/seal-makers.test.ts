import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Reply, StreamEvent } from '../../src/completion/reply.ts';
import { SealMakers } from '../../src/endpoints/seal-makers.ts';
import { balance } from '../../src/layers/balance.ts';
import { gate } from '../../src/layers/gate.ts';
import { answer, FakeClock, fakeAccount, fakeCall, fakePool, START, STOP, stream, type Upstream } from './fakes.ts';

const FOUR = ['a', 'b', 'c', 'd'].map((name) => fakeAccount(name));
const ROUNDS = 40;

interface Turn {
  /** Tells conversations apart. */
  readonly index: number;
  /** Sealed values that the history holds. */
  readonly seals?: readonly string[];
  /** Marked for the upstream's cache; absent: the call has no system prompt. */
  readonly system?: string;
  readonly model?: string;
}

function callOf({ index, seals = [], system, model = 'claude-sonnet-5' }: Turn) {
  const history = seals.flatMap((seal) => [
    { role: 'assistant', content: [{ type: 'thinking', thinking: '', signature: seal }] },
    { role: 'user', content: 'Go on.' },
  ]);
  const marked = system !== undefined && {
    system: [{ type: 'text', text: system, cache_control: { type: 'ephemeral' } }],
  };
  const messages = [{ role: 'user', content: `conversation ${index}` }, ...history];
  return fakeCall({ model, body: JSON.stringify({ model, messages, ...marked }) });
}

let made = 0;

/** Sends turns to four organizations that sign all they answer with their names, and takes no signature of another. */
function signing(t: TestContext, reply: (seal: string) => Reply) {
  const upstream: Upstream = async (endpoint, call) => {
    const organization = endpoint.charAt(0);
    for (const [, maker] of call.body.matchAll(/"signature":"(\w)/g)) assert.equal(maker, organization);
    return reply(`${organization}${'x'.repeat(400)}${++made}`);
  };
  const clock = new FakeClock(t.mock.timers);
  const { pool } = fakePool(clock, FOUR, upstream);
  const service = balance(pool, gate({ maxWaitMs: 5_000, clock }));
  /** The seal of the answer. */
  const send = async (turn: Turn): Promise<string> => {
    const answered = await service(callOf(turn));
    let text = answered.kind === 'whole' ? answered.body : '';
    if (answered.kind === 'stream') for await (const { data } of answered.events) text += data;
    const [, seal] = /"signature":"(\w+)"/.exec(text) ?? [];
    assert.ok(seal !== undefined);
    return seal;
  };
  return { send, pool };
}

function whole(seal: string): Reply {
  const body = JSON.stringify({ content: [{ type: 'thinking', thinking: '', signature: seal }] });
  return { ...answer(), kind: 'whole', body };
}

function streamed(seal: string): Reply {
  const delta: StreamEvent = {
    type: 'content_block_delta',
    data: JSON.stringify({ type: 'content_block_delta', delta: { type: 'signature_delta', signature: seal } }),
  };
  return stream([START, delta, STOP]);
}

for (const [kind, reply] of [
  ['whole', whole],
  ['streamed', streamed],
] as const) {
  test(`who signed the first answer gets the history, whatever the next turn marks (${kind} answers)`, async (t) => {
    const { send } = signing(t, reply);
    for (let index = 0; index < ROUNDS; index++) {
      const prompt = `Be brief, ${index}.`;
      const begun = [await send({ index }), await send({ index, system: prompt })];
      for (const seal of begun) {
        await send({ index, seals: [seal] });
        await send({ index, seals: [seal], system: prompt });
        await send({ index, seals: [seal], system: `${prompt} It is noon.` });
        await send({ index, seals: [seal], system: prompt, model: 'claude-opus-5' });
      }
    }
  });
}

test('a signature that another process has seen made leads home by the key, and is known from then on', async (t) => {
  const { send } = signing(t, whole);
  const seals: string[] = [];
  for (let index = 0; index < ROUNDS; index++) seals.push(await send({ index, system: `Be brief, ${index}.` }));
  t.mock.timers.reset();
  const { send: sendElsewhere } = signing(t, whole);
  for (const [index, seal] of seals.entries()) {
    await sendElsewhere({ index, seals: [seal], system: `Be brief, ${index}.` });
    await sendElsewhere({ index, seals: [seal], system: `Be kind, ${index}.` });
  }
});

test('a signed history stays where it was made when organizations join', async (t) => {
  const { send, pool } = signing(t, whole);
  const seals: string[] = [];
  for (let index = 0; index < ROUNDS; index++) seals.push(await send({ index }));
  await pool.update([...FOUR, ...['e', 'f', 'g', 'h'].map((name) => fakeAccount(name))]);
  for (const [index, seal] of seals.entries()) await send({ index, seals: [seal] });
});

test('a seal without a name is nobody’s, and the latest word about one counts', () => {
  const makers = new SealMakers();
  makers.note('', 'a');
  assert.equal(makers.of(''), undefined);
  makers.note('seal', 'a');
  makers.note('seal', 'b');
  assert.equal(makers.of('seal'), 'b');
});
