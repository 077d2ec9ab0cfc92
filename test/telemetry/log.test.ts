import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Secret } from '../../src/completion/secret.ts';
import { logOutput } from '../../src/telemetry/log-output.ts';
import { createLog, describeError, type LogLevel } from '../../src/telemetry/log.ts';

function capture(level: LogLevel = 'info') {
  const lines: string[] = [];
  const log = createLog({ level, output: { write: (line) => lines.push(line), flush: () => {} } });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '{}') };
}

test('lines are JSON with time, level and message', () => {
  const { log, last } = capture();
  log.info('started', { port: 1 });
  const { time, ...rest } = last();
  assert.deepEqual(rest, { level: 'info', port: 1, msg: 'started' });
  assert.ok(!Number.isNaN(Date.parse(time)));
});

test('lines beneath the level are not written', () => {
  const { log, lines } = capture('warn');
  log.info('no');
  log.call('info', {});
  log.warn('yes');
  assert.equal(lines.length, 1);
});

test('secrets are masked by their names, and Secret by itself', () => {
  const { log, lines } = capture();
  const canary = 'sk-canary-7f3a';
  log.info('config', {
    api_key: canary,
    headers: { authorization: canary, 'x-api-key': canary },
    accounts: { primary: { token: canary, hmac_secret: canary } },
    wrapped: new Secret(canary),
  });
  assert.ok(!lines.join('').includes(canary));
});

test('a call is one line with the fields it is given', () => {
  const { log, last } = capture();
  log.call('warn', { status: 'UNAVAILABLE', request_id: 'r1', usage: { input_tokens: 3 }, first_byte_ms: undefined });
  const { time: _time, ...rest } = last();
  assert.deepEqual(rest, {
    level: 'warn',
    status: 'UNAVAILABLE',
    request_id: 'r1',
    usage: { input_tokens: 3 },
    msg: 'call',
  });
});

test('errors are described with their causes, and without the text that could not be parsed', () => {
  let parse: unknown;
  try {
    JSON.parse('{"prompt": my secret prompt}');
  } catch (error) {
    parse = error;
  }
  const described = describeError(new TypeError('outer', { cause: parse }));
  assert.equal(described.type, 'TypeError');
  assert.equal(described.message, 'outer');
  assert.equal(described.cause?.type, 'SyntaxError');
  assert.match(described.stack ?? '', /at /);
  assert.ok(!JSON.stringify(described).includes('secret'));
  assert.deepEqual(describeError('thrown text'), { type: 'string', message: '(not an Error)' });
});

test('a chain of causes without end is cut', () => {
  const error = new Error('loop');
  error.cause = error;
  assert.ok(JSON.stringify(describeError(error)).length < 20_000);
});

test('a flush puts every line into the file, in order', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'relay-log-'));
  const path = join(folder, 'log');
  const fd = openSync(path, 'w');
  t.after(() => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });
  const log = createLog({ level: 'info', output: logOutput(fd) });
  for (let i = 0; i < 5_000; i++) log.call('info', { i, text: 'ünïcode' });
  log.info('last');
  log.flush();
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  assert.equal(lines.length, 5_001);
  assert.deepEqual(
    lines.slice(0, -1).map((line) => JSON.parse(line).i),
    Array.from({ length: 5_000 }, (_, i) => i),
  );
});

test('the time of a call’s line is exact to the millisecond', (t) => {
  const { log, last } = capture();
  for (const time of ['2026-01-31T12:00:00.007Z', '2026-01-31T12:00:00.650Z', '2026-01-31T12:00:01.000Z']) {
    t.mock.timers.reset();
    t.mock.timers.enable({ apis: ['Date'], now: Date.parse(time) });
    log.call('info', { request_id: 'r' });
    assert.equal(last().time, time);
  }
});
