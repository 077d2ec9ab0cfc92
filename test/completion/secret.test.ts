import assert from 'node:assert/strict';
import { test } from 'node:test';
import { format, inspect } from 'node:util';
import { Secret } from '../../src/completion/secret.ts';

test('a secret shows itself to nobody who does not ask for it', () => {
  const secret = new Secret('canary');
  const shown = [
    String(secret),
    ['a list of', secret].join(' '),
    JSON.stringify({ secret }),
    inspect({ secret }, { showHidden: true, depth: 9 }),
    format('%s %o %O %j', secret, secret, secret, secret),
    JSON.stringify(Object.assign({}, secret)),
    inspect(structuredClone(secret)),
    new Error('with a cause', { cause: secret }).stack,
    inspect(new Error('with a cause', { cause: secret })),
  ];
  for (const text of shown) assert.doesNotMatch(String(text), /canary/);
  assert.equal(secret.reveal(), 'canary');
});
