import { hash } from 'node:crypto';
import { invalidRequest } from './api-error.ts';
import type { ModelSpec } from './models/catalogue.ts';
import { countTokens, type Segment, segmentsOf } from './prompt.ts';
import type { PromptRequest } from './request.ts';

/** How the input tokens of a request divide; the four add up to the whole prompt. */
export interface InputUsage {
  /** Neither read from the cache nor written to it. */
  readonly fresh: number;
  readonly read: number;
  readonly written5m: number;
  readonly written1h: number;
}

/** What a request takes from the cache, and what it will leave there. */
export interface CachePlan {
  readonly input: InputUsage;
  /** Makes the prefixes readable; to be called when the answer begins (reference 8.1), not before. */
  readonly commit: () => void;
}

const MOST_BREAKPOINTS = 4;
/** Positions before a breakpoint at which an earlier request's prefix is still found. */
const LOOKBACK = 20;
const MOST_ENTRIES = 50_000;
const LIFETIME = { '5m': 5 * 60_000, '1h': 60 * 60_000 } as const;

interface Breakpoint {
  /** Index of the segment that it follows. */
  readonly position: number;
  readonly ttl: keyof typeof LIFETIME;
}

interface Entry {
  readonly expiresAt: number;
  readonly lifetime: number;
}

function breakpointsOf(segments: readonly Segment[]): readonly Breakpoint[] {
  const breakpoints: Breakpoint[] = [];
  segments.forEach(({ cacheControl, part, value }, position) => {
    if (cacheControl === undefined) return;
    const ttl = cacheControl.ttl ?? '5m';
    if (ttl === '1h' && breakpoints.at(-1)?.ttl === '5m') {
      throw invalidRequest(
        `${part}: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: \`tools\`, \`system\`, \`messages\`.`,
      );
    }
    if ('text' in value && value.text === '') {
      throw invalidRequest(`${part}: cache_control cannot be set for empty text blocks`);
    }
    breakpoints.push({ position, ttl });
  });
  if (breakpoints.length > MOST_BREAKPOINTS) {
    throw invalidRequest(
      `A maximum of ${MOST_BREAKPOINTS} blocks with cache_control may be provided. Found ${breakpoints.length}.`,
    );
  }
  return breakpoints;
}

/** A digest of each prefix up to `last`, each built on the one before it. */
function prefixDigests(root: string, request: PromptRequest, segments: readonly Segment[], last: number): string[] {
  const digests: string[] = [];
  let digest = root;
  let inMessages = false;
  for (const { part, role, value } of segments.slice(0, last + 1)) {
    if (part === 'messages' && !inMessages) {
      inMessages = true;
      // Reference 8.1: these settings invalidate what is cached of the messages, and leave tools and system alone.
      digest = hash('sha256', `${digest}${JSON.stringify([request.tool_choice, request.thinking])}`);
    }
    const text = JSON.stringify('cache_control' in value ? { ...value, cache_control: undefined } : value);
    digest = hash('sha256', `${digest}${part}${role}${text}`);
    digests.push(digest);
  }
  return digests;
}

/** The API's prompt cache: prefixes by digest, per organization and model, with the lifetimes the API gives them. */
export class PromptCache {
  readonly #entries = new Map<string, Entry>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Accounts for a prompt. Throws ApiError when its breakpoints break the rules. */
  plan(organization: string, model: ModelSpec, request: PromptRequest): CachePlan {
    const segments = segmentsOf(request);
    const total = countTokens(segments);
    const marked = breakpointsOf(segments);
    const lastMarked = marked.at(-1);
    if (lastMarked === undefined) return { input: untouched(total), commit: () => undefined };
    const lengths = prefixLengths(segments, total);
    const breakpoints = marked.filter(({ position }) => (lengths[position] ?? 0) >= model.minimumCacheable);
    const root = `${organization}\0${model.id}\0${request.speed ?? 'standard'}`;
    const digests = prefixDigests(root, request, segments, lastMarked.position);
    const found = this.#longestCached(breakpoints, digests);
    return {
      input: divide(total, lengths, breakpoints, found),
      commit: this.#commitment(breakpoints, digests, found),
    };
  }

  /** Position of the longest prefix that is cached, or -1. */
  #longestCached(breakpoints: readonly Breakpoint[], digests: readonly string[]): number {
    const now = this.#now();
    for (const { position } of breakpoints.toReversed()) {
      for (let candidate = position; candidate > position - LOOKBACK && candidate >= 0; candidate--) {
        const entry = this.#entries.get(digests[candidate] ?? '');
        if (entry !== undefined && entry.expiresAt > now) return candidate;
      }
    }
    return -1;
  }

  #commitment(breakpoints: readonly Breakpoint[], digests: readonly string[], found: number): () => void {
    // Lifetime counts from the start of the request, and is renewed by use (reference 8.1).
    const startedAt = this.#now();
    return () => {
      const read = digests[found];
      const lifetime = read === undefined ? undefined : this.#entries.get(read)?.lifetime;
      if (read !== undefined && lifetime !== undefined) this.#keep(read, startedAt, lifetime);
      for (const { position, ttl } of breakpoints) {
        const digest = digests[position];
        if (digest !== undefined && position > found) this.#keep(digest, startedAt, LIFETIME[ttl]);
      }
    };
  }

  #keep(digest: string, startedAt: number, lifetime: number): void {
    this.#entries.delete(digest);
    this.#entries.set(digest, { expiresAt: startedAt + lifetime, lifetime });
    if (this.#entries.size <= MOST_ENTRIES) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}

function untouched(total: number): InputUsage {
  return { fresh: total, read: 0, written5m: 0, written1h: 0 };
}

/** Tokens up to and including each segment; the request's own overhead belongs to the first. */
function prefixLengths(segments: readonly Segment[], total: number): readonly number[] {
  let length = total;
  for (const { tokens } of segments) length -= tokens;
  return segments.map(({ tokens }) => {
    length += tokens;
    return length;
  });
}

function divide(
  total: number,
  lengths: readonly number[],
  breakpoints: readonly Breakpoint[],
  found: number,
): InputUsage {
  const read = found === -1 ? 0 : (lengths[found] ?? 0);
  const written = { '5m': 0, '1h': 0 };
  let covered = read;
  for (const { position, ttl } of breakpoints) {
    const length = lengths[position] ?? 0;
    if (length <= covered) continue;
    written[ttl] += length - covered;
    covered = length;
  }
  return { fresh: total - covered, read, written5m: written['5m'], written1h: written['1h'] };
}
