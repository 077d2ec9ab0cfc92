import { type FSWatcher, lstatSync, readFileSync, statSync, watch } from 'node:fs';
import { basename, join } from 'node:path';
import { fingerprintOf } from './files.ts';
import { decidingFolders } from './links.ts';

/** So many times the quiet time after the first event the files are looked at, however many more come. */
const LONGEST_WAIT = 8;

/** The two timer functions that are needed, so that a test can stand in for time. */
export interface Timers<T = unknown> {
  readonly setTimeout: (callback: () => void, milliseconds: number) => T;
  readonly clearTimeout: (timer: T) => void;
}

export interface WatchOptions<T = unknown> {
  readonly timers: Timers<T>;
  /**
   * Quiet time in milliseconds after the last event before the files are looked at, as editors write in several steps;
   * where events do not end, they are looked at after eight times as long.
   */
  readonly quietMs: number;
  /** Told when the system refuses to watch (no inotify watches left, say): changes may go unnoticed from then on. */
  readonly onError: (error: Error) => void;
}

export interface ConfigWatcher {
  /** Watches these files from now on, instead of those before. */
  readonly follow: (files: Fingerprints) => void;
  readonly close: () => void;
}

/** Files by their absolute paths, with the fingerprints of what was read of them: see `Origin`. */
export type Fingerprints = ReadonlyMap<string, string>;

/**
 * Calls `onChange` when what the files hold has changed, came or went: by writing, by an editor that puts another
 * file in its place, or by the swap of a symbolic link on its path, as Kubernetes updates a ConfigMap. It hears of that from
 * the system (`fs.watch` on the folders) and never polls. A watcher alone does not keep the process alive.
 *
 * It compares with what was read, so that no change falls between reading and watching.
 */
export function watchConfig<T>(
  files: Fingerprints,
  onChange: () => void,
  { timers, quietMs, onError }: WatchOptions<T>,
): ConfigWatcher {
  const watchers = new Map<string, FSWatcher>();
  let fingerprints = new Map<string, string>();
  let quiet: { readonly handle: T } | undefined;
  let latest: { readonly handle: T } | undefined;
  let closed = false;

  follow(files);
  return { follow, close };

  function follow(files: Fingerprints): void {
    if (closed) return;
    fingerprints = new Map(files);
    rearm();
    // What changed since it was read was heard by nobody.
    schedule();
  }

  function schedule(): void {
    if (closed) return;
    if (quiet !== undefined) timers.clearTimeout(quiet.handle);
    quiet = { handle: timers.setTimeout(look, quietMs) };
    latest ??= { handle: timers.setTimeout(look, LONGEST_WAIT * quietMs) };
  }

  function unschedule(): void {
    if (quiet !== undefined) timers.clearTimeout(quiet.handle);
    if (latest !== undefined) timers.clearTimeout(latest.handle);
    quiet = undefined;
    latest = undefined;
  }

  function look(): void {
    unschedule();
    rearm();
    let changed = false;
    for (const [file, before] of fingerprints) {
      const now = fingerprint(file);
      changed ||= now !== before;
      fingerprints.set(file, now);
    }
    if (changed) onChange();
  }

  /** Moves the watchers to where the files' paths lead now. */
  function rearm(): void {
    const wanted = new Map([...fingerprints.keys()].flatMap((file) => [...decidingFolders(file)]).map(identified));
    for (const [id, watcher] of watchers) {
      if (wanted.has(id)) continue;
      watcher.close();
      watchers.delete(id);
    }
    for (const [id, folder] of wanted) if (!watchers.has(id)) arm(id, folder);
  }

  function arm(id: string, folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, (_, name) => {
        if (name === null || mayDecide(folder, name, fingerprints.keys())) schedule();
      });
      watcher.on('error', (error) => {
        watcher.close();
        watchers.delete(id);
        onError(error);
        schedule();
      });
      watchers.set(id, watcher);
    } catch (error) {
      onError(error instanceof Error ? error : new Error(String(error)));
    }
  }

  function close(): void {
    closed = true;
    unschedule();
    for (const watcher of watchers.values()) watcher.close();
    watchers.clear();
  }
}

/**
 * Whether an event about this entry can be about one of the files. It cannot where all of them are found and the entry
 * is neither one of them nor a link or a folder, which may be on the way to them: a log beside them, or a temporary file
 * that is gone again.
 */
function mayDecide(folder: string, name: string, files: Iterable<string>): boolean {
  // So the system names the folder itself, when it went or moved: inotify(7) has no name for it, libuv gives its own.
  if (name === basename(folder)) return true;
  try {
    const entry = lstatSync(join(folder, name), { throwIfNoEntry: false });
    if (entry !== undefined && !entry.isFile()) return true;
    for (const file of files) {
      const found = statSync(file, { throwIfNoEntry: false });
      if (found === undefined || (found.dev === entry?.dev && found.ino === entry.ino)) return true;
    }
    return false;
  } catch {
    // A folder that may not be entered, or links in a circle: looking at the files will tell.
    return true;
  }
}

/** A folder that was removed and made again is another one to the system, and needs a watch of its own. */
function identified(folder: string): [id: string, folder: string] {
  const stat = statSync(folder, { throwIfNoEntry: false });
  return [`${folder}\0${stat?.dev}\0${stat?.ino}`, folder];
}

function fingerprint(file: string): string {
  try {
    return fingerprintOf(readFileSync(file));
  } catch (error) {
    return error instanceof Error && 'code' in error ? `unreadable: ${String(error.code)}` : 'unreadable';
  }
}
