import { ApiError } from '../api-error.ts';
import { matchNames, type NameMatcher } from '../glob.ts';
import { type ModelSpec, modelClass } from '../models/catalogue.ts';
import { type Buckets, TokenBucket, UNLIMITED } from './bucket.ts';
import { rateLimitHeaders } from './headers.ts';
import type { LimitRule } from './rules.ts';

interface CompiledRule {
  readonly rule: LimitRule;
  readonly models: NameMatcher;
  readonly keys: NameMatcher;
}

/** Whom a limit is looked up for. */
export interface Consumer {
  readonly key: string;
  readonly organization: string;
}

/** Any key makes an organization when no keys are configured, so the number of buckets needs a bound. */
const MOST_BUCKETS = 100_000;

const THOUSANDS = new Intl.NumberFormat('en-US');

function refuse(bucket: TokenBucket, amount: number, what: string, now: number): ApiError {
  const seconds = Math.max(1, Math.ceil(bucket.waitFor(amount, now) / 1000));
  return new ApiError(
    429,
    'rate_limit_error',
    `This request would exceed your organization's rate limit of ${THOUSANDS.format(bucket.perMinute)} ${what} per minute.`,
    { headers: { 'retry-after': String(seconds) } },
  );
}

function requireRoom(bucket: TokenBucket | undefined, amount: number, what: string, now: number): void {
  if (bucket !== undefined && !bucket.allows(amount, now)) throw refuse(bucket, amount, what, now);
}

/** What one request may use, and its account of it. */
export class Allowance {
  readonly #buckets: Buckets;
  readonly #now: () => number;

  constructor(buckets: Buckets, now: () => number) {
    this.#buckets = buckets;
    this.#now = now;
  }

  /** Takes a request with so many input tokens, all or nothing. Throws the API's 429. */
  admitMessage(inputTokens: number): void {
    const { requests, inputTokens: input, outputTokens: output } = this.#buckets;
    const now = this.#now();
    requireRoom(requests, 1, 'requests', now);
    requireRoom(input, inputTokens, 'input tokens', now);
    requireRoom(output, 0, 'output tokens', now);
    requests?.take(1, now);
    input?.take(inputTokens, now);
  }

  /** Takes a token-counting request. Throws the API's 429. */
  admitCount(): void {
    const { countTokens } = this.#buckets;
    const now = this.#now();
    requireRoom(countTokens, 1, 'token counting requests', now);
    countTokens?.take(1, now);
  }

  /** Counts output tokens as they are produced. */
  spendOutput(tokens: number): void {
    this.#buckets.outputTokens?.take(tokens, this.#now());
  }

  /** The `anthropic-ratelimit-*` headers as they stand, of answers or of token counts. */
  headers(endpoint: 'messages' | 'count_tokens'): Readonly<Record<string, string>> {
    const buckets = endpoint === 'messages' ? this.#buckets : { ...UNLIMITED, requests: this.#buckets.countTokens };
    return rateLimitHeaders(buckets, this.#now());
  }
}

/** Rate limits per organization and model class. */
export class RateLimiter {
  readonly #now: () => number;
  #rules: readonly CompiledRule[] = [];
  readonly #buckets = new Map<string, Buckets>();

  constructor(rules: readonly LimitRule[], now: () => number) {
    this.#now = now;
    this.setRules(rules);
  }

  /** From now on these rules hold; every bucket starts full. */
  setRules(rules: readonly LimitRule[]): void {
    this.#rules = rules.map((rule) => ({ rule, models: matchNames(rule.models), keys: matchNames(rule.keys) }));
    this.#buckets.clear();
  }

  /** The limits of a consumer for a model. */
  allowance(consumer: Consumer, model: ModelSpec): Allowance {
    return new Allowance(this.#bucketsFor(consumer, model), this.#now);
  }

  #bucketsFor({ key, organization }: Consumer, model: ModelSpec): Buckets {
    const index = this.#rules.findIndex(({ models, keys }) => keys(key) && models(model.id));
    const rule = this.#rules[index]?.rule;
    if (rule === undefined) return UNLIMITED;
    const name = `${organization}\0${index}\0${rule.models === undefined ? modelClass(model) : ''}`;
    const known = this.#buckets.get(name);
    if (known !== undefined) return known;
    const buckets = this.#fill(rule);
    this.#buckets.set(name, buckets);
    if (this.#buckets.size > MOST_BUCKETS) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    return buckets;
  }

  #fill(rule: LimitRule): Buckets {
    const now = this.#now();
    const bucket = (perMinute: number | undefined): TokenBucket | undefined =>
      perMinute === undefined ? undefined : new TokenBucket(perMinute, rule.burst, now);
    return {
      requests: bucket(rule.requestsPerMinute),
      inputTokens: bucket(rule.inputTokensPerMinute),
      outputTokens: bucket(rule.outputTokensPerMinute),
      countTokens: bucket(rule.countTokensPerMinute),
    };
  }
}
