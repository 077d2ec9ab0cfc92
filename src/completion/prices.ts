/**
 * List prices of the Claude API, as data. Sources: the vendor's pricing page and model overviews as of 2026-08-13 to
 * 2026-11-20; rows whose figures come in part from release notes repeated by third parties say so. Compiled 2026-11-20.
 *
 * One line a price; a price that changed stands twice, the later one with `from`. A model that is sold but whose price
 * was not found has a line too, so that nobody takes its absence for an oversight.
 */

/** USD per million tokens, by kind of token. */
export interface TokenPrices {
  readonly input: number;
  /** Written to the prompt cache with a life of five minutes. */
  readonly cacheWrite5m: number;
  /** Written to the prompt cache with a life of one hour. */
  readonly cacheWrite1h: number;
  readonly cacheRead: number;
  readonly output: number;
}

export interface ModelPrice extends TokenPrices {
  /** Model ids; each also stands for itself with a date (`-20251001`, `@20251001`) or `-latest`. `*` is a wildcard. */
  readonly models: readonly string[];
  /** First day of the price, UTC, `YYYY-MM-DD`; absent for a price that has held from the start. */
  readonly from?: string;
  /** Prices of *all* tokens of a request whose prompt (input, cache reads and writes) is longer than `above` tokens. */
  readonly longPrompt?: TokenPrices & { readonly above: number };
  /** Input and output in fast mode; the cache multipliers apply on top. Absent: not offered, or the price is not known. */
  readonly fast?: { readonly input: number; readonly output: number };
  /** Whether `inference_geo` is taken by the model and changes the price. */
  readonly geography?: boolean;
}

/** A model that is sold at a price that was not found. */
export interface UnknownPrice {
  readonly models: readonly string[];
  readonly unknown: true;
}

/** Batches cost half, all token kinds alike. Pricing page. */
export const BATCH_FACTOR = 0.5;

/** By the request's `inference_geo`; any other place has no known price. Pricing page, Claude 4.6 and later. */
export const GEOGRAPHY_FACTORS: ReadonlyMap<string, number> = new Map([
  ['global', 1],
  ['us', 1.1],
]);

/** USD for one server-side web search that succeeded; $10 per 1,000. Pricing page. */
export const WEB_SEARCH_USD = 0.01;

function tokens(
  input: number,
  cacheWrite5m: number,
  cacheWrite1h: number,
  cacheRead: number,
  output: number,
): TokenPrices {
  return { input, cacheWrite5m, cacheWrite1h, cacheRead, output };
}

/** The table, newest models first. The columns are those of the pricing page: input, 5m write, 1h write, read, output. */
export const LIST_PRICES: readonly (ModelPrice | UnknownPrice)[] = [
  // Overview; the cache prices from release notes (third party). Fast mode is offered, its price was not found.
  { models: ['claude-fable-5-2'], ...tokens(8, 10, 16, 0.2, 40), geography: true },
  // Earlier Mythos models cost what the Fable of their generation costs; of these no price is published.
  { models: ['claude-mythos-5-2', 'claude-mythos-preview'], unknown: true },
  // Pricing page, 2026-09-02.
  { models: ['claude-fable-5-1', 'claude-mythos-5-1'], ...tokens(10, 12.5, 20, 0.25, 50), geography: true },
  { models: ['claude-fable-5', 'claude-mythos-5'], ...tokens(10, 12.5, 20, 1, 50), geography: true },
  // Overview; fast mode from a third party.
  { models: ['claude-opus-5-5'], ...tokens(4, 5, 8, 0.2, 20), geography: true, fast: { input: 8, output: 40 } },
  {
    models: ['claude-opus-5', 'claude-opus-4-8'],
    ...tokens(5, 6.25, 10, 0.5, 25),
    geography: true,
    fast: { input: 10, output: 50 },
  },
  { models: ['claude-opus-4-7', 'claude-opus-4-6'], ...tokens(5, 6.25, 10, 0.5, 25), geography: true },
  { models: ['claude-opus-4-5'], ...tokens(5, 6.25, 10, 0.5, 25) },
  // Retired on the Claude API.
  { models: ['claude-opus-4-1', 'claude-opus-4', 'claude-opus-4-0'], ...tokens(15, 18.75, 30, 1.5, 75) },
  // Overview; the cut of the cache read from release notes (third party).
  { models: ['claude-sonnet-5-5'], ...tokens(2, 2.5, 4, 0.2, 10), geography: true },
  { models: ['claude-sonnet-5-5'], from: '2026-10-07', ...tokens(2, 2.5, 4, 0.1, 10), geography: true },
  { models: ['claude-sonnet-5'], ...tokens(2, 2.5, 4, 0.2, 10), geography: true },
  { models: ['claude-sonnet-4-6'], ...tokens(3, 3.75, 6, 0.3, 15), geography: true },
  { models: ['claude-sonnet-4-5'], ...tokens(3, 3.75, 6, 0.3, 15) },
  // Overview; cache read from a third party.
  {
    models: ['claude-haiku-5-5'],
    ...tokens(0.1, 0.125, 0.2, 0.01, 0.5),
    longPrompt: { above: 100_000, ...tokens(0.5, 0.625, 1, 0.05, 2.5) },
    geography: true,
  },
  { models: ['claude-haiku-4-5'], ...tokens(1, 1.25, 2, 0.1, 5) },
  // Retired on the Claude API.
  { models: ['claude-3-5-haiku', 'claude-haiku-3-5'], ...tokens(0.8, 1, 1.6, 0.08, 4) },
];
