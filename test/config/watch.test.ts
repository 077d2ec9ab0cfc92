import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate as round } from 'node:timers/promises';
import { decidingFolders } from '../../src/config/links.ts';
import { readSmallFile } from '../../src/config/files.ts';
import { type Fingerprints, watchConfig } from '../../src/config/watch.ts';
import { workspace } from './workspace.ts';

const PATIENCE = { timeout: 20_000 };

/** Timers that go off when told, and tell when they were set. */
class ManualTimers {
  readonly pending = new Set<() => void>();
  #told = Promise.withResolvers<void>();

  readonly setTimeout = (callback: () => void): (() => void) => {
    const timer = (): void => callback();
    this.pending.add(timer);
    this.#told.resolve();
    return timer;
  };

  readonly clearTimeout = (timer: () => void): void => {
    this.pending.delete(timer);
  };

  /** Waits until a timer is set, and lets it go off. */
  async next(): Promise<void> {
    while (this.pending.size === 0) {
      this.#told = Promise.withResolvers();
      await this.#told.promise;
    }
    for (const callback of this.pending) {
      this.pending.delete(callback);
      callback();
    }
  }
}

/** The files as they are now, as loading would have read them. */
function read(...paths: readonly string[]): Fingerprints {
  return new Map(
    paths.map((path) => {
      const content = readSmallFile(path);
      return [path, 'fingerprint' in content ? content.fingerprint : assert.fail(content.problem)];
    }),
  );
}

function watched(context: TestContext, files: Fingerprints) {
  const timers = new ManualTimers();
  const seen = { changes: 0 };
  const watcher = watchConfig(files, () => seen.changes++, {
    timers,
    quietMs: 200,
    onError: (error) => assert.fail(error),
  });
  context.after(() => watcher.close());

  /** Waits until so many changes were told of. */
  async function told(count: number): Promise<void> {
    while (seen.changes < count) await timers.next();
    assert.equal(seen.changes, count);
  }

  return { watcher, timers, told, changes: () => seen.changes };
}

/** Watches in time that the test moves; `heard` waits until the system has told of what was done in the folder. */
function timed(context: TestContext, folder: string, files: Fingerprints) {
  const { timers } = context.mock;
  timers.enable({ apis: ['setTimeout'] });
  const seen = { changes: 0 };
  const onError = (error: Error): void => assert.fail(error);
  const watcher = watchConfig(files, () => seen.changes++, { timers: globalThis, quietMs: 200, onError });
  const listener = watch(folder);
  context.after(() => {
    watcher.close();
    listener.close();
  });

  async function heard(act: () => void): Promise<void> {
    const told = once(listener, 'change');
    act();
    await told;
    // One reading of the system's events serves all who watch the folder.
    await round();
  }

  return { tick: (ms: number) => timers.tick(ms), heard, changes: () => seen.changes };
}

test('a file that is written is noticed', PATIENCE, async (context) => {
  const { write } = workspace(context);
  const path = write('relay.yaml', 'one');
  const { told } = watched(context, read(path));
  write('relay.yaml', 'two');
  await told(1);
  write('relay.yaml', 'three');
  await told(2);
});

test('a file that an editor puts in its place is noticed, again and again', PATIENCE, async (context) => {
  const { write } = workspace(context);
  const path = write('relay.yaml', 'one');
  const { told } = watched(context, read(path));
  for (const [index, text] of ['two', 'three'].entries()) {
    renameSync(write('relay.yaml.swp', text), path);
    await told(index + 1);
  }
});

test('a ConfigMap that Kubernetes swaps is noticed, again and again', PATIENCE, async (context) => {
  const { write, folder } = workspace(context);
  write('..1/relay.yaml', 'one');
  symlinkSync('..1', join(folder, '..data'));
  symlinkSync('..data/relay.yaml', join(folder, 'relay.yaml'));
  const { told } = watched(context, read(join(folder, 'relay.yaml')));
  for (const version of [2, 3]) {
    write(`..${version}/relay.yaml`, `version ${version}`);
    symlinkSync(`..${version}`, join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    rmSync(join(folder, `..${version - 1}`), { recursive: true });
    await told(version - 1);
  }
});

test('a link anywhere on the path that is turned elsewhere is noticed', PATIENCE, async (context) => {
  const { write, folder } = workspace(context);
  write('v1/etc/relay.yaml', 'one');
  write('v2/etc/relay.yaml', 'two');
  mkdirSync(join(folder, 'links'));
  const current = join(folder, 'links/current');
  symlinkSync('../v1', current);
  const { told } = watched(context, read(join(current, 'etc/relay.yaml')));
  symlinkSync('../v2', `${current}.new`);
  renameSync(`${current}.new`, current);
  await told(1);
});

test('a folder that goes and comes back is noticed both times, and watched again', PATIENCE, async (context) => {
  const { write, folder } = workspace(context);
  const path = write('etc/relay.yaml', 'one');
  const { told } = watched(context, read(path));
  renameSync(join(folder, 'etc'), join(folder, 'old'));
  await told(1);
  write('etc/relay.yaml', 'two');
  await told(2);
  write('etc/relay.yaml', 'three');
  await told(3);
});

test('what does not change the content is not told', PATIENCE, async (context) => {
  const { write } = workspace(context);
  const path = write('relay.yaml', 'one');
  const { timers, changes } = watched(context, read(path));
  await timers.next();
  utimesSync(path, 1, 1);
  await timers.next();
  assert.equal(changes(), 0);
});

test('several events within the quiet time are one change', PATIENCE, async (context) => {
  const { write } = workspace(context);
  const path = write('relay.yaml', 'one');
  const { timers, told } = watched(context, read(path));
  for (const text of ['t', 'tw', 'two']) writeFileSync(path, text);
  await told(1);
  assert.equal(timers.pending.size, 0, 'nothing is left to wait for');
});

test('a log that grows beside the file puts no change off, nor do temporary files', PATIENCE, async (context) => {
  const { write, folder } = workspace(context);
  const path = write('relay.yaml', 'one');
  const { tick, heard, changes } = timed(context, folder, read(path));
  tick(200);
  await heard(() => writeFileSync(path, 'two'));
  tick(150);
  await heard(() => write('relay.log', 'a line'));
  await heard(() => renameSync(write('state.tmp', '{}'), join(folder, 'state.json')));
  await heard(() => rmSync(write('gone', '')));
  tick(49);
  assert.equal(changes(), 0);
  tick(1);
  assert.equal(changes(), 1);
});

test('each write of the file starts the quiet time anew, but not for ever', PATIENCE, async (context) => {
  const { write, folder } = workspace(context);
  const path = write('relay.yaml', 'zero');
  const { tick, heard, changes } = timed(context, folder, read(path));
  tick(200);
  for (let index = 1; index <= 10; index++) {
    await heard(() => writeFileSync(path, `${index}`));
    tick(160);
    assert.equal(changes(), index < 10 ? 0 : 1);
  }
  await heard(() => writeFileSync(path, 'eleven'));
  tick(199);
  assert.equal(changes(), 1);
  tick(1);
  assert.equal(changes(), 2, 'the next wait is its own');
});

test('a log beside a ConfigMap puts no swap off, and the swap is noticed', PATIENCE, async (context) => {
  const { write, folder } = workspace(context);
  write('..1/relay.yaml', 'one');
  write('..2/relay.yaml', 'two');
  symlinkSync('..1', join(folder, '..data'));
  symlinkSync('..data/relay.yaml', join(folder, 'relay.yaml'));
  const { tick, heard, changes } = timed(context, folder, read(join(folder, 'relay.yaml')));
  tick(200);
  await heard(() => {
    symlinkSync('..2', join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  });
  tick(150);
  await heard(() => write('relay.log', 'a line'));
  tick(50);
  assert.equal(changes(), 1);
});

test('a link between links that becomes a file is noticed', PATIENCE, async (context) => {
  const { write, folder } = workspace(context);
  write('last', 'one');
  symlinkSync('last', join(folder, 'middle'));
  symlinkSync('middle', join(folder, 'relay.yaml'));
  const { told } = watched(context, read(join(folder, 'relay.yaml')));
  renameSync(write('other', 'two'), join(folder, 'middle'));
  await told(1);
  writeFileSync(join(folder, 'middle'), 'three');
  await told(2);
});

test('a file whose folders are made one after the other is noticed', PATIENCE, async (context) => {
  const { write, folder } = workspace(context);
  const path = join(folder, 'etc/deep/relay.yaml');
  const { timers, told, changes } = watched(context, new Map([[path, 'unreadable: ENOENT']]));
  await timers.next();
  mkdirSync(join(folder, 'etc'));
  await timers.next();
  mkdirSync(join(folder, 'etc/deep'));
  await timers.next();
  assert.equal(changes(), 0);
  write('etc/deep/relay.yaml', 'one');
  await told(1);
});

test('files that the configuration names are followed, and no longer when it does not', PATIENCE, async (context) => {
  const { write } = workspace(context);
  const path = write('relay.yaml', 'one');
  const key = write('secrets/key', 'k1');
  const { watcher, told, timers, changes } = watched(context, read(path));
  watcher.follow(read(path, key));
  write('secrets/key', 'k2');
  await told(1);
  watcher.follow(read(path));
  write('secrets/key', 'k3');
  await timers.next();
  assert.equal(changes(), 1);
  write('relay.yaml', 'two');
  await told(2);
});

test('a change between reading and watching is noticed', PATIENCE, async (context) => {
  const { write } = workspace(context);
  const path = write('relay.yaml', 'one');
  const key = write('secrets/key', 'k1');
  const first = read(path);
  write('relay.yaml', 'two');
  const { watcher, told } = watched(context, first);
  await told(1);
  const second = read(path, key);
  write('secrets/key', 'k2');
  watcher.follow(second);
  await told(2);
});

test('a closed watcher has no timer left and watches nothing', (context) => {
  const { write } = workspace(context);
  const path = write('relay.yaml', 'one');
  const { watcher, timers } = watched(context, read(path));
  watcher.follow(read(path));
  assert.equal(timers.pending.size, 2, 'the quiet time and the longest wait');
  watcher.close();
  watcher.follow(read(path));
  assert.equal(timers.pending.size, 0);
});

test('the folders that decide about a path are its own and those of each link on the way', (context) => {
  const { write, folder } = workspace(context);
  write('real/relay.yaml', '');
  symlinkSync('real', join(folder, 'link'));
  symlinkSync('loop', join(folder, 'loop'));
  mkdirSync(join(folder, 'a'));
  symlinkSync('../link/relay.yaml', join(folder, 'a/relay.yaml'));
  const decide = (path: string) => [...decidingFolders(join(folder, path))].map((found) => found.slice(folder.length));
  assert.deepEqual(decide('real/relay.yaml'), ['/real']);
  assert.deepEqual(decide('a/relay.yaml'), ['/a', '', '/real']);
  assert.deepEqual(decide('gone/deeper/relay.yaml'), ['']);
  assert.deepEqual(decide('loop/relay.yaml'), ['']);
});
