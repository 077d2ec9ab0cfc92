import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Draft, isMapping, type Mapping } from './draft.ts';
import { below, type Outline } from './outline.ts';
import type { Path } from './problem.ts';

/** Larger than any bundle of certificates. */
const MAX_FILE_BYTES = 2 ** 20;
const SUFFIX = '_file';

/** What was read of a file. */
export interface FileContent {
  readonly text: string;
  /** See `fingerprintOf`. */
  readonly fingerprint: string;
}

/**
 * Reads the files that settings name. Beside a setting `x`, `x_file` is the path of a file with the value of `x`, and
 * is replaced by it; any other `…_file` stays a path, made absolute.
 *
 * @param folder From where paths count.
 * @returns What each file holds, by its absolute path.
 */
export function readFiles(draft: Draft, outline: Outline, folder: string): ReadonlyMap<string, FileContent> {
  const contents = new Map<string, FileContent>();
  visit(draft.root, outline, []);
  return contents;

  function visit(value: unknown, here: Outline | undefined, path: Path): void {
    if (Array.isArray(value))
      for (const [index, item] of value.entries()) visit(item, below(here, index), [...path, index]);
    if (!isMapping(value)) return;
    for (const [key, inner] of Object.entries(value)) {
      const setting = [...path, key];
      visit(inner, below(here, key), setting);
      if (!key.endsWith(SUFFIX) || !here?.keys.has(key) || inner === undefined) continue;
      const twin = key.slice(0, -SUFFIX.length);
      if (!here.keys.has(twin)) {
        readSetting(inner, setting);
        if (typeof inner === 'string') value[key] = resolve(folder, inner);
        continue;
      }
      if (value[twin] === undefined) fillTwin(value, twin, readSetting(inner, setting), [...path, twin], setting);
      else draft.blame(setting, `cannot be set together with ${twin}. Keep one of them.`);
      delete value[key];
    }
  }

  function fillTwin(mapping: Mapping, twin: string, text: string | undefined, path: Path, setting: Path): void {
    // One line break at the end belongs to the editor that wrote the file. An unreadable file stays a value of sorts, so
    // that nobody says that none was set.
    mapping[twin] = text?.replace(/\r?\n$/, '') ?? '';
    if (text === undefined) draft.spoil(path);
    const place = draft.placeOf(setting);
    if (place !== undefined) draft.place(path, place);
  }

  /** Undefined where there is no text to be had, and the draft has the problem. */
  function readSetting(file: unknown, path: Path): string | undefined {
    if (draft.isSpoiled(path)) return undefined;
    if (typeof file !== 'string' || file === '') {
      draft.blame(path, 'is not the path of a file. Give one.');
      return undefined;
    }
    const absolute = resolve(folder, file);
    const read = readSmallFile(absolute);
    if ('text' in read && read.text.trim() !== '') {
      contents.set(absolute, read);
      return read.text;
    }
    draft.blame(path, 'problem' in read ? read.problem : 'the file is empty. Fill it.');
    return undefined;
  }
}

/** What the file holds, or what is wrong with it. Never its path: a secret may stand where the path was meant to be. */
export function readSmallFile(path: string): FileContent | { readonly problem: string } {
  try {
    // Asked first, because opening a pipe would wait for its other end.
    const stat = statSync(path);
    if (!stat.isFile()) return { problem: 'this is no regular file. Give the path of one.' };
    if (stat.size > MAX_FILE_BYTES) return { problem: 'the file is over 1 MiB. Give the path of the right one.' };
    const bytes = readFileSync(path);
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), fingerprint: fingerprintOf(bytes) };
  } catch (error) {
    return { problem: explain(error) };
  }
}

/** Tells contents apart without keeping them: they may be secrets. */
export function fingerprintOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function explain(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'the file does not exist. Create it or correct the path.';
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
    return 'the file is not text in UTF-8. Give the path of the right one.';
  if (typeof code === 'string') return `the file cannot be read (${code}). Correct the path or its permissions.`;
  throw error;
}
