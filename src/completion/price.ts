import { matchesModel } from './model-pattern.ts';
import {
  BATCH_FACTOR,
  GEOGRAPHY_FACTORS,
  LIST_PRICES,
  type ModelPrice,
  type TokenPrices,
  type UnknownPrice,
  WEB_SEARCH_USD,
} from './prices.ts';
import type { TokenCounters, Usage } from './usage.ts';

/** Usage whose four counters are all known. */
export type CompleteUsage = Usage & Required<TokenCounters>;

/** What the price depends on beside the usage. What `usage` says itself comes before what was asked for. */
export interface PriceOptions {
  /** When the call was made, milliseconds since the epoch: prices change. */
  readonly at: number;
  /** Whether the call was part of a message batch. */
  readonly batch?: boolean;
  /** `inference_geo` of the request. */
  readonly inferenceGeo?: string;
  /** `speed` of the request. */
  readonly speed?: string;
  /** Life of cache entries that `usage` does not split; `5m`, the API's default, where absent. */
  readonly cacheWriteLife?: '5m' | '1h';
}

/** What was assumed of a call before it was answered, for the counters that stay unknown. */
export interface UsageEstimate {
  /** The whole prompt, whether cached or not. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Whether the request asks for prompt caching; where it does not, absent cache counters are known to be 0. */
  readonly caching: boolean;
}

/**
 * Fills the counters that the upstream left unknown, on the dear side: what the estimate holds beyond the known input
 * counters was written to the cache if the request asks for caching (the dearest kind of input), and was plain input
 * otherwise; unknown output is the estimate's. Counters that are known stay as they are.
 */
export function completeUsage(usage: Usage, estimate: UsageEstimate): CompleteUsage {
  const known =
    (usage.input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0) + (usage.cache_read_input_tokens ?? 0);
  const rest = Math.max(0, estimate.inputTokens - known);
  const written = estimate.caching && usage.cache_creation_input_tokens === undefined;
  return {
    ...usage,
    input_tokens: usage.input_tokens ?? (written ? 0 : rest),
    cache_creation_input_tokens: usage.cache_creation_input_tokens ?? (written ? rest : 0),
    cache_read_input_tokens: usage.cache_read_input_tokens ?? 0,
    output_tokens: usage.output_tokens ?? estimate.outputTokens,
  };
}

export interface PriceBook {
  /**
   * What a call cost, in USD; undefined where that is not known: the model or the mode has no known price, or a counter
   * of `usage` is missing (`completeUsage` fills it). Container hours and `usage.iterations` (beta) are not in it.
   */
  readonly priceOf: (model: string, usage: Usage, options: PriceOptions) => number | undefined;
  /** The same in the dearest model of the book: what a budget must assume where `priceOf` knows no price. In USD. */
  readonly dearest: (usage: CompleteUsage, options: PriceOptions) => number;
}

/**
 * The list prices, with `overrides` (a contract's, a newer model's) taken before them. Of several prices for a model
 * an exact id comes before a pattern, a longer pattern before a shorter one, and the latest that is in force counts.
 *
 * @throws Error where `from` of an override is no date
 */
export function priceBook(overrides: readonly ModelPrice[] = []): PriceBook {
  const sections = [overrides, LIST_PRICES].filter((rows) => rows.length > 0).map(indexOf);
  const known = [...overrides, ...LIST_PRICES].filter((row): row is ModelPrice => !('unknown' in row));
  const dearestFast = Math.max(1, ...known.map(({ fast, input }) => (fast === undefined ? 1 : fast.input / input)));
  const dearestPlace = Math.max(...GEOGRAPHY_FACTORS.values());

  function find(model: string, at: number): ModelPrice | undefined {
    for (const section of sections) {
      const found = inForce(candidates(section, model), at);
      if (found !== undefined) return 'unknown' in found ? undefined : found;
    }
    return undefined;
  }

  return {
    priceOf: (model, usage, options) => {
      const price = find(model, options.at);
      if (price === undefined || !isComplete(usage)) return undefined;
      const tokens = pricesOf(price, usage, options);
      const place = geographyFactor(price, usage, options);
      if (tokens === undefined || place === undefined) return undefined;
      return cost(tokens, usage, options, place);
    },
    dearest: (usage, options) => {
      const fast = speedOf(usage, options) === 'fast' ? dearestFast : 1;
      const place = placeOf(usage, options) === 'global' ? 1 : dearestPlace;
      return Math.max(...known.map((price) => cost(byLength(price, usage), usage, options, fast * place)));
    },
  };
}

/** `PriceBook.priceOf` by the list prices alone. */
export const priceOf: PriceBook['priceOf'] = priceBook().priceOf;

type Row = ModelPrice | UnknownPrice;

/** Rows by id, and apart from them those whose ids are patterns, the longest first. */
interface Section {
  readonly exact: ReadonlyMap<string, readonly Row[]>;
  readonly patterns: readonly (readonly [pattern: string, rows: readonly Row[]])[];
}

function indexOf(rows: readonly Row[]): Section {
  const byId = new Map<string, Row[]>();
  for (const row of rows) {
    if (Number.isNaN(startOf(row))) throw new Error(`The price of ${row.models.join(', ')} starts on no date.`);
    for (const id of row.models) byId.set(id, [...(byId.get(id) ?? []), row]);
  }
  const patterns = [...byId].filter(([id]) => id.includes('*')).sort(([a], [b]) => b.length - a.length);
  return { exact: byId, patterns };
}

/** Milliseconds since the epoch; ISO dates are UTC. */
function startOf(row: Row): number {
  return 'from' in row && row.from !== undefined ? Date.parse(row.from) : Number.NEGATIVE_INFINITY;
}

const VERSION = /[-@](?:\d{8}|latest)$/;

/** A prefix alone names no price: `claude-opus-4-9` is not Opus 4, only `claude-opus-4-20250514` is. */
function candidates(section: Section, model: string): readonly Row[] {
  const exact = section.exact.get(model) ?? section.exact.get(model.replace(VERSION, ''));
  return exact ?? section.patterns.find(([pattern]) => matchesModel(pattern, model))?.[1] ?? [];
}

function inForce(rows: readonly Row[], at: number): Row | undefined {
  let latest: Row | undefined;
  for (const row of rows) {
    if (startOf(row) <= at && (latest === undefined || startOf(row) >= startOf(latest))) latest = row;
  }
  return latest;
}

function isComplete(usage: Usage): usage is CompleteUsage {
  return (
    usage.input_tokens !== undefined &&
    usage.output_tokens !== undefined &&
    usage.cache_creation_input_tokens !== undefined &&
    usage.cache_read_input_tokens !== undefined
  );
}

function speedOf(usage: Usage, options: PriceOptions): string {
  return usage.speed ?? options.speed ?? 'standard';
}

function placeOf(usage: Usage, options: PriceOptions): string {
  return usage.inference_geo ?? options.inferenceGeo ?? 'global';
}

function isBatch(usage: Usage, options: PriceOptions): boolean {
  return usage.service_tier === 'batch' || options.batch === true;
}

function geographyFactor(price: ModelPrice, usage: Usage, options: PriceOptions): number | undefined {
  // Models without the choice refuse the parameter, so that whatever their usage reports changes no price.
  return price.geography === true ? GEOGRAPHY_FACTORS.get(placeOf(usage, options)) : 1;
}

function byLength(price: ModelPrice, usage: CompleteUsage): TokenPrices {
  const prompt = usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens;
  return price.longPrompt !== undefined && prompt > price.longPrompt.above ? price.longPrompt : price;
}

function pricesOf(price: ModelPrice, usage: CompleteUsage, options: PriceOptions): TokenPrices | undefined {
  const prices = byLength(price, usage);
  const speed = speedOf(usage, options);
  if (speed === 'standard') return prices;
  // Fast mode is not sold in batches, and other speeds are not known.
  if (speed !== 'fast' || price.fast === undefined || isBatch(usage, options)) return undefined;
  const factor = price.fast.input / price.input;
  return {
    input: price.fast.input,
    cacheWrite5m: prices.cacheWrite5m * factor,
    cacheWrite1h: prices.cacheWrite1h * factor,
    cacheRead: prices.cacheRead * factor,
    output: price.fast.output,
  };
}

function cost(prices: TokenPrices, usage: CompleteUsage, options: PriceOptions, factor: number): number {
  const split5m = usage.cache_creation?.ephemeral_5m_input_tokens ?? 0;
  const split1h = usage.cache_creation?.ephemeral_1h_input_tokens ?? 0;
  // The split comes at the start of a stream only, while the total may grow until its end.
  const unsplit = Math.max(0, usage.cache_creation_input_tokens - split5m - split1h);
  const unsplitPrice = options.cacheWriteLife === '1h' ? prices.cacheWrite1h : prices.cacheWrite5m;
  const tokens =
    usage.input_tokens * prices.input +
    split5m * prices.cacheWrite5m +
    split1h * prices.cacheWrite1h +
    unsplit * unsplitPrice +
    usage.cache_read_input_tokens * prices.cacheRead +
    usage.output_tokens * prices.output;
  const discount = isBatch(usage, options) ? BATCH_FACTOR : 1;
  const searches = usage.server_tool_use?.web_search_requests ?? 0;
  return (tokens * factor * discount) / 1e6 + searches * WEB_SEARCH_USD;
}
