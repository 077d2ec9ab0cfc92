import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
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
    this.pending.add(callback);
    this.#told.resolve();
    return callback;
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
  write('unrelated', 'x');
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
  assert.ok(timers.pending.size <= 1, 'one timer at a time');
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
  assert.equal(timers.pending.size, 1);
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
