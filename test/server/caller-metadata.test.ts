import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metadata } from '@grpc/grpc-js';
import { traceContext } from '../../src/server/caller-metadata.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

function contextOf(traceparents: string[], tracestates: string[] = []) {
  const metadata = new Metadata();
  for (const value of traceparents) metadata.add('traceparent', value);
  for (const value of tracestates) metadata.add('tracestate', value);
  return traceContext(metadata);
}

for (const traceparent of [`00-${TRACE}-${SPAN}-01`, `cc-${TRACE}-${SPAN}-00`, `01-${TRACE}-${SPAN}-01-what-comes`]) {
  test(`traceparent ${traceparent} is taken up`, () => {
    assert.deepEqual(contextOf([traceparent]), { traceparent });
  });
}

for (const traceparent of [
  '',
  `ff-${TRACE}-${SPAN}-01`,
  `00-${TRACE}-${SPAN}-01-more`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `00-${'0'.repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `01-${'0'.repeat(32)}-${SPAN}-01`,
  `01-${TRACE}-${SPAN}-01.x`,
  `01-${TRACE}-${SPAN}-01-${'x'.repeat(300)}`,
]) {
  test(`traceparent ${JSON.stringify(traceparent.slice(0, 70))} is as good as none, and so is its tracestate`, () => {
    assert.deepEqual(contextOf([traceparent], ['a=1']), {});
  });
}

test('two traceparents are none', () => {
  assert.deepEqual(contextOf([`00-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-00`]), {});
});

test('several tracestates are one list', () => {
  assert.equal(contextOf([`00-${TRACE}-${SPAN}-01`], ['a=1', 'b=2']).tracestate, 'a=1,b=2');
});

test('a long tracestate loses large members first, then its last ones', () => {
  const large = `large=${'x'.repeat(150)}`;
  const members = Array.from({ length: 10 }, (_, i) => `k${i}=${'v'.repeat(60)}`);
  const { tracestate = '' } = contextOf([`00-${TRACE}-${SPAN}-01`], [[large, ...members].join(',')]);
  assert.ok(tracestate.length <= 512);
  assert.equal(
    tracestate,
    members.slice(0, 8).join(',').length <= 512 ? members.slice(0, 8).join(',') : members.slice(0, 7).join(','),
  );
});
