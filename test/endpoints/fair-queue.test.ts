import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FairQueue } from '../../src/endpoints/fair-queue.ts';
import { type Prioritized, type Priority, WaitingRoom } from '../../src/endpoints/waiting-room.ts';

const NONE: ReadonlySet<string> = new Set();

function one(tenant: string, parts: Partial<Prioritized> = {}): Prioritized {
  return {
    heapIndex: -1,
    start: 0,
    arrival: 0,
    group: 'all',
    tenant,
    weight: 1,
    cost: 1,
    priority: 'interactive',
    ...parts,
  };
}

function drain(queue: FairQueue<Prioritized>, most = Number.POSITIVE_INFINITY): string[] {
  const served: string[] = [];
  for (let next = queue.next(NONE); next !== undefined && served.length < most; next = queue.next(NONE)) {
    queue.serve(next);
    served.push(next.tenant);
  }
  return served;
}

test('tenants are served in proportion to their weights, however many calls each has waiting', () => {
  const queue = new FairQueue<Prioritized>();
  for (let call = 0; call < 300; call++) queue.push(one('flood'));
  for (let call = 0; call < 40; call++) queue.push(one('heavy', { weight: 2 }));
  for (let call = 0; call < 40; call++) queue.push(one('light'));
  const served = drain(queue, 80);
  const share = (tenant: string) => served.filter((name) => name === tenant).length;
  assert.deepEqual([share('flood'), share('heavy'), share('light')], [20, 40, 20]);
});

test('calls that cost more are served less often', () => {
  const queue = new FairQueue<Prioritized>();
  for (let call = 0; call < 40; call++) queue.push(one('big', { cost: 3 }));
  for (let call = 0; call < 40; call++) queue.push(one('small'));
  const served = drain(queue, 40);
  assert.equal(served.filter((name) => name === 'small').length, 30);
});

test('one tenant is served in the order of its calls', () => {
  const queue = new FairQueue<Prioritized>();
  const calls = Array.from({ length: 20 }, () => one('tenant'));
  for (const call of calls) queue.push(call);
  for (const call of calls) {
    assert.equal(queue.next(NONE), call);
    queue.serve(call);
  }
});

test('a tenant that was quiet has saved nothing up', () => {
  const queue = new FairQueue<Prioritized>();
  for (let call = 0; call < 100; call++) queue.push(one('busy'));
  drain(queue, 50);
  for (let call = 0; call < 50; call++) queue.push(one('late'));
  const served = drain(queue, 20);
  assert.equal(served.filter((name) => name === 'late').length, 10);
});

test('a blocked group lets others pass', () => {
  const queue = new FairQueue<Prioritized>();
  queue.push(one('first', { group: 'stuck' }));
  queue.push(one('second'));
  assert.equal(queue.next(new Set(['stuck']))?.tenant, 'second');
  assert.equal(queue.next(NONE)?.tenant, 'first');
});

test('those who gave up are gone at once', () => {
  const queue = new FairQueue<Prioritized>();
  const gone = one('gone');
  queue.push(gone);
  queue.push(one('stays'));
  queue.remove(gone);
  queue.remove(gone);
  assert.equal(queue.length, 1);
  assert.deepEqual(drain(queue), ['stays']);
});

function enter(room: WaitingRoom<Prioritized>, priority: Priority, tenant: string = priority): Prioritized | undefined {
  return room.enter(one(tenant, { priority }));
}

test('interactive goes before background, which still gets every eighth turn', () => {
  const room = new WaitingRoom<Prioritized>(100);
  for (let call = 0; call < 30; call++) {
    enter(room, 'background');
    enter(room, 'interactive');
  }
  const served: Priority[] = [];
  for (let next = room.next(NONE); served.length < 16 && next !== undefined; next = room.next(NONE)) {
    room.serve(next);
    served.push(next.priority);
  }
  const turns = served.flatMap((priority, turn) => (priority === 'background' ? [turn] : []));
  assert.deepEqual(turns, [7, 15]);
});

test('in a full room background gives way to interactive, and a flood to others', () => {
  const room = new WaitingRoom<Prioritized>(3);
  enter(room, 'background');
  enter(room, 'interactive', 'flood');
  enter(room, 'interactive', 'flood');
  assert.equal(enter(room, 'interactive', 'flood')?.priority, 'background');
  assert.equal(enter(room, 'interactive', 'other')?.tenant, 'flood');
  const refused = one('flood');
  assert.equal(room.enter(refused), refused);
  assert.equal(room.length, 3);
});
