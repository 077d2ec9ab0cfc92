/**
 * One client in each language, written as users write it, against a relay started as users start it; its upstream is
 * a simulator of the test's own, which shows what has become of each call.
 */
import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { parseFaults } from '../../src/simulator/faults/rules.ts';
import { defaultSimulatorOptions } from '../../src/simulator/options.ts';
import { type Simulator, startSimulator } from '../../src/simulator/simulator.ts';
import { go, type Language, node, python } from './languages.ts';
import { type RelayProcess, startRelay, succeed } from './processes.ts';
import { makeFolder, missing, ROOT } from './tools.ts';

/** What a client prints of a case; which fields there are depends on the case. */
interface Seen {
  readonly case: string;
  readonly text: string;
  readonly stop_reason: string;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly attempts: number;
  readonly cache_status: string;
  readonly events: number;
  readonly relay: readonly number[];
  readonly last: string;
  readonly input: string;
  readonly answer: string;
  readonly code: string;
  readonly reason: string;
  readonly domain: string;
  readonly fields: readonly string[];
}

const CASES_FILE = `${ROOT}test/interop/cases.json`;
const cases = JSON.parse(await readFile(CASES_FILE, 'utf8')) as Readonly<Record<string, string>>;
const API_KEY = 'key-of-the-interop-suite';
/** Keys sorted at every depth: protobuf maps have no order. */
const SCHEMA_VALUE_SENT =
  '{"properties":{"city":{"const":"Lyon"},"unit":{"enum":["celsius"]}},"required":["unit","city"],"type":"object"}';

/** A first build of grpc-go takes long on a slow machine. */
const BUILD_TIMEOUT_MS = 400_000;

const SOURCES: readonly (readonly [Language, string])[] = [
  [node, 'test/interop/node/client.mjs'],
  [python, 'test/interop/python/client.py'],
  [go, 'test/interop/go/main.go'],
];

for (const [language, source] of SOURCES) {
  describe(`a client in ${language.name}`, { skip: missing(...language.tools), timeout: BUILD_TIMEOUT_MS }, () => {
    const seen = new Map<string, Seen>();
    let simulator: Simulator;
    let relay: RelayProcess;
    let folder: string;

    before(
      async () => {
        simulator = await startSimulator({
          ...defaultSimulatorOptions,
          recordBodies: true,
          faults: parseFaults(`stall:models=${cases['silent_model']},after=5`),
        });
        relay = await startRelay({ env: { ANTHROPIC_BASE_URL: simulator.url, ANTHROPIC_API_KEY: API_KEY } });
        folder = await makeFolder();
        const { command, args, env } = await language.build(folder, `${ROOT}${source}`);
        const output = await succeed(command, [...args, relay.address, CASES_FILE], { env });
        for (const line of output.trim().split('\n')) {
          const result = JSON.parse(line) as Seen;
          seen.set(result.case, result);
        }
      },
      { timeout: BUILD_TIMEOUT_MS },
    );

    after(async () => {
      await relay?.[Symbol.asyncDispose]();
      await simulator?.close();
      if (folder !== undefined) await rm(folder, { recursive: true });
    });

    function of(name: string): Seen {
      const result = seen.get(name);
      assert.ok(result, `the client printed nothing of ${name}`);
      return result;
    }

    /** The bodies that went upstream and hold `part`. */
    function sent(part: string): readonly string[] {
      return simulator.requests().flatMap(({ body = '' }) => (body.includes(part) ? [body] : []));
    }

    test('gets the whole answer that the upstream gave', async () => {
      const { text, stop_reason, input_tokens, output_tokens, attempts } = of('unary');
      const [body] = sent(cases['question'] ?? '');
      const direct = await fetch(`${simulator.url}/v1/messages`, {
        method: 'POST',
        headers: { 'x-api-key': API_KEY, 'anthropic-version': '2023-06-01', 'content-type': 'application/json' },
        body: body ?? '',
      });
      const answer = (await direct.json()) as {
        content: { text?: string }[];
        usage: { input_tokens: number; output_tokens: number };
      };
      assert.equal(text, answer.content.map((block) => block.text ?? '').join(''));
      assert.equal(input_tokens, answer.usage.input_tokens);
      assert.equal(output_tokens, answer.usage.output_tokens);
      assert.equal(stop_reason, 'end_turn');
      assert.equal(attempts, 1);
    });

    test('gets the same answer to the same question again, from the cache', () => {
      const { text, cache_status } = of('cached');
      assert.equal(text, of('unary').text);
      assert.equal(cache_status, 'CACHE_STATUS_HIT');
    });

    test('accumulates a stream that it wants fresh to the same text', () => {
      const { text, events, relay: withInfo, last } = of('stream');
      assert.equal(text, of('unary').text);
      assert.ok(events > 5, `only ${events} events came`);
      assert.equal(last, 'message_stop');
      assert.deepEqual(withInfo, [0, events - 1], 'what the relay did comes first and last');
    });

    test('uses a tool whose schema it gave as text, and not a byte of it changes', () => {
      const { stop_reason, input, answer } = of('tool_text');
      assert.equal(stop_reason, 'tool_use');
      assert.equal((JSON.parse(input) as { city: string }).city, 'Lyon');
      assert.notEqual(answer, '');
      const bodies = sent(`"input_schema":${cases['schema_text']}`);
      assert.equal(bodies.length, 2, 'the question, and the result of the tool');
      assert.ok(bodies[1]?.includes(`"input":${input}`), 'the call went back as it was received');
    });

    test('uses a tool whose schema it gave as a protobuf value', () => {
      const { stop_reason, input, answer } = of('tool_value');
      assert.equal(stop_reason, 'tool_use');
      assert.deepEqual(JSON.parse(input), { city: 'Lyon', unit: 'celsius' });
      assert.notEqual(answer, '');
      assert.equal(sent(`"input_schema":${SCHEMA_VALUE_SENT}`).length, 2);
    });

    test('sends fields that the proto does not know', () => {
      assert.notEqual(of('extra').text, '');
      const [request, ...others] = simulator.requests().filter(({ headers }) => headers['anthropic-beta']);
      assert.equal(others.length, 0);
      assert.equal(request?.headers['anthropic-beta'], cases['beta']);
      assert.ok(request?.body?.includes((cases['extra'] ?? '').slice(1, -1)));
    });

    test('learns why a request is refused, and which field is at fault', () => {
      const { code, reason, domain, fields } = of('invalid');
      assert.deepEqual(
        { code, reason, domain },
        { code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST', domain: 'claude-relay' },
      );
      assert.ok(fields.includes('messages[0].content[0]'), `the fields are ${fields.join(', ')}`);
    });

    test('learns that the upstream does not know the model', () => {
      const { code, reason, domain } = of('not_found');
      assert.deepEqual({ code, reason, domain }, { code: 'NOT_FOUND', reason: 'NOT_FOUND', domain: 'claude-relay' });
    });

    test('is answered in time when its deadline passes, and the upstream request is aborted', async () => {
      assert.equal(of('deadline').code, 'DEADLINE_EXCEEDED');
      await simulator.findRequest(
        ({ model, stream, outcome }) => model === cases['silent_model'] && !stream && outcome === 'aborted',
      );
    });

    test('cancels a stream, and the upstream request is aborted', async () => {
      const { code, events } = of('cancel');
      assert.equal(code, 'CANCELLED');
      assert.ok(events >= 1, 'it was cancelled before anything came');
      await simulator.findRequest(
        ({ model, stream, outcome }) => model === cases['silent_model'] && stream && outcome === 'aborted',
      );
    });

    test('leaves one line in the log for each call', async () => {
      relay.terminate();
      assert.equal(await relay.exited, 0);
      const lines = relay.log.map((line) => JSON.parse(line) as { msg: string; status: string });
      const counts: Record<string, number> = {};
      for (const { msg, status } of lines) if (msg === 'call') counts[status] = (counts[status] ?? 0) + 1;
      assert.deepEqual(counts, { OK: 8, INVALID_ARGUMENT: 1, NOT_FOUND: 1, DEADLINE_EXCEEDED: 1, CANCELLED: 1 });
    });
  });
}
