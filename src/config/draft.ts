import { formatPath, type Path, type Problem } from './problem.ts';

/** A mapping of the file. It has no prototype, so that a key like `__proto__` is a key like any other. */
export type Mapping = Record<string, unknown>;

/** Where a value stands in the file, counted from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Where a setting came from: a place in the file, or a variable. */
export type Place = { readonly value: Position; readonly key: Position | undefined } | { readonly variable: string };

/** Whether a value of the draft is a mapping. */
export function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An empty mapping. */
export function newMapping(): Mapping {
  return Object.create(null);
}

/**
 * A configuration in the making: the values as they are so far, where each of them came from, and what was found wrong.
 * Reading, interpolation, files and validation all work on it, so that one run finds every problem.
 */
export class Draft {
  root: unknown = newMapping();
  readonly #file: string;
  readonly #places = new Map<string, Place>();
  readonly #problems: Problem[] = [];
  /** Settings whose value is already known to be unusable: what later steps say of them would only confuse. */
  readonly #spoiled = new Set<string>();

  /** @param file The file's name as problems show it. */
  constructor(file: string) {
    this.#file = file;
  }

  /** Every problem so far, in the order of the file; those with no place in it come last. */
  problems(): Problem[] {
    const last = Number.MAX_SAFE_INTEGER;
    return this.#problems.toSorted(
      (a, b) => (a.line ?? last) - (b.line ?? last) || (a.column ?? last) - (b.column ?? last),
    );
  }

  /** Notes where a setting came from. */
  place(path: Path, place: Place): void {
    this.#places.set(identity(path), place);
  }

  /** Where a setting came from; undefined for a default. */
  placeOf(path: Path): Place | undefined {
    return this.#places.get(identity(path));
  }

  /** Keeps later steps from speaking of a setting and of what it holds. */
  spoil(path: Path): void {
    this.#spoiled.add(identity(path));
  }

  /** Whether the setting, or something it is part of, was spoiled. */
  isSpoiled(path: Path): boolean {
    for (let depth = 0; depth <= path.length; depth++)
      if (this.#spoiled.has(identity(path.slice(0, depth)))) return true;
    return false;
  }

  /**
   * Notes a problem where the setting stands or, if nobody set it, at the key of what it is part of. Spoils the setting.
   *
   * @param at Which side of `key: value` to point at.
   */
  blame(path: Path, message: string, at: 'key' | 'value' = 'value'): void {
    this.spoil(path);
    for (let depth = path.length; depth >= 0; depth--) {
      const place = this.placeOf(path.slice(0, depth));
      if (place === undefined) continue;
      if ('variable' in place) this.#add(path, `environment variable ${place.variable}`, undefined, message);
      else {
        const side = at === 'value' && depth === path.length ? place.value : (place.key ?? place.value);
        this.#add(path, this.#file, side, message);
      }
      return;
    }
    this.#add(path, this.#file, undefined, message);
  }

  /** Notes a problem at a position of the file, and spoils nothing. */
  blameAt(path: Path, position: Position, message: string): void {
    this.#add(path, this.#file, position, message);
  }

  #add(path: Path, source: string, position: Position | undefined, message: string): void {
    this.#problems.push({ path: formatPath(path), source, line: position?.line, column: position?.column, message });
  }

  /** The value at a path, if there is one. */
  get(path: Path): unknown {
    return path.reduce<unknown>((value, step) => {
      if (typeof step === 'number') return Array.isArray(value) ? value[step] : undefined;
      return isMapping(value) ? value[step] : undefined;
    }, this.root);
  }

  /** Sets a value that came from a variable, below mappings, of which it makes those that are missing. */
  override(path: readonly [string, ...string[]], value: unknown, variable: string): void {
    let mapping = this.root;
    for (const step of path.slice(0, -1)) {
      // What is wrongly no mapping is left for validation to blame.
      if (!isMapping(mapping)) return;
      mapping[step] ??= newMapping();
      mapping = mapping[step];
    }
    if (!isMapping(mapping)) return;
    const key = path[path.length - 1] ?? path[0];
    mapping[key] = value;
    delete mapping[`${key}_file`];
    this.place(path, { variable });
  }
}

function identity(path: Path): string {
  return JSON.stringify(path);
}
