/** A prompt as the API lays it out for counting and caching: tools, then system, then messages (reference 8.1). */
import { invalidRequest } from './api-error.ts';
import type { CacheControl, PromptRequest } from './request.ts';
import { blocksOf } from './request.ts';
import { isObject } from './validation/check.ts';

/** The smallest part that a cache breakpoint can follow: a tool, or a block. */
export interface Segment {
  readonly part: 'tools' | 'system' | 'messages';
  /** Role of the message it belongs to; empty for tools and system. */
  readonly role: string;
  readonly value: object;
  readonly tokens: number;
  readonly cacheControl: CacheControl | undefined;
}

const REQUEST_TOKENS = 4;
const SEGMENT_TOKENS = 3;
const CHARACTERS_PER_TOKEN = 4;
/** About what an image of ordinary size costs, whatever the length of its base64 text. */
const IMAGE_WEIGHT = 1_500 * CHARACTERS_PER_TOKEN;
const BASE64_PDF_CHARACTERS_PER_WEIGHT = 10;

/** The weight of a value in characters, as the simulator's tokenizer sees it; `cache_control` is no part of the prompt. */
function weigh(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return CHARACTERS_PER_TOKEN;
  let weight = 0;
  if (Array.isArray(value)) {
    for (const item of value) weight += weigh(item);
    return weight;
  }
  if (!isObject(value)) return 0;
  if (value['type'] === 'image') return IMAGE_WEIGHT;
  if (value['type'] === 'base64' && typeof value['data'] === 'string') {
    return Math.ceil(value['data'].length / BASE64_PDF_CHARACTERS_PER_WEIGHT);
  }
  for (const key in value) {
    if (key !== 'cache_control' && key !== 'type') weight += key.length + weigh(value[key]);
  }
  return weight;
}

function tokensOf(value: object): number {
  return SEGMENT_TOKENS + Math.ceil(weigh(value) / CHARACTERS_PER_TOKEN);
}

type Cacheable = object & { readonly cache_control?: CacheControl | null };

function segment(part: Segment['part'], role: string, value: Cacheable): Segment {
  return { part, role, value, tokens: tokensOf(value), cacheControl: value.cache_control ?? undefined };
}

/** All segments, in the order of the prompt. */
export function segmentsOf(request: PromptRequest): readonly Segment[] {
  const segments: Segment[] = [];
  for (const tool of request.tools ?? []) segments.push(segment('tools', '', tool));
  for (const block of blocksOf(request.system)) segments.push(segment('system', '', block));
  for (const message of request.messages) {
    for (const block of blocksOf(message.content)) segments.push(segment('messages', message.role, block));
  }
  return withTopLevelCacheControl(segments, request.cache_control ?? undefined);
}

/** The top-level `cache_control` marks the last block that can be cached. */
function withTopLevelCacheControl(segments: readonly Segment[], control: CacheControl | undefined): readonly Segment[] {
  const last = segments.at(-1);
  if (control === undefined || last === undefined) return segments;
  if (last.cacheControl !== undefined && (last.cacheControl.ttl ?? '5m') !== (control.ttl ?? '5m')) {
    throw invalidRequest('cache_control: ttl differs from that of the last block');
  }
  return [...segments.slice(0, -1), { ...last, cacheControl: control }];
}

/** Tokens of a whole prompt, cached or not. */
export function countTokens(segments: readonly Segment[]): number {
  let tokens = REQUEST_TOKENS;
  for (const { tokens: more } of segments) tokens += more;
  return tokens;
}
