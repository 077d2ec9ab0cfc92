import { parseAlternatives, parseCount, parseDuration, parseSettings, SpecError, splitRules } from '../spec.ts';

/**
 * Rate limits of every organization and model class that the rule is for. An absent limit is unlimited, and has no
 * headers.
 */
export interface LimitRule {
  readonly requestsPerMinute?: number;
  /** Cache reads do not count, as at the API. */
  readonly inputTokensPerMinute?: number;
  /** Counted as they are produced; `max_tokens` does not matter. */
  readonly outputTokensPerMinute?: number;
  /** Token counting has a limit of its own. */
  readonly countTokensPerMinute?: number;
  /** Milliseconds of refill that a bucket holds; the API's documentation warns that it may be less than a minute. */
  readonly burst: number;
  /**
   * Models that the rule is for, `*` standing for anything; those it names share one limit. Without it, the rule is for
   * all models, and each class (a line and its major generation) has a limit of its own.
   */
  readonly models?: readonly string[];
  /** API keys that the rule is for, `*` standing for anything; all keys without it. */
  readonly keys?: readonly string[];
}

/** A bucket holds a minute's worth unless told otherwise. */
export const DEFAULT_BURST = 60_000;

const KEYS = ['rpm', 'itpm', 'otpm', 'ctpm', 'burst', 'models', 'keys'] as const;

function parseLimit(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const limit = parseCount(text);
  if (limit < 1) throw new SpecError(`"${text}" per minute would let nothing through: write at least 1`);
  return limit;
}

function parseRule(text: string): LimitRule {
  const settings = parseSettings(text, KEYS);
  const requestsPerMinute = parseLimit(settings.get('rpm'));
  const inputTokensPerMinute = parseLimit(settings.get('itpm'));
  const outputTokensPerMinute = parseLimit(settings.get('otpm'));
  const countTokensPerMinute = parseLimit(settings.get('ctpm'));
  const models = settings.get('models');
  const keys = settings.get('keys');
  const burst = settings.get('burst');
  if (burst !== undefined && parseDuration(burst) === 0) throw new SpecError('burst must be longer than 0');
  return {
    ...(requestsPerMinute !== undefined && { requestsPerMinute }),
    ...(inputTokensPerMinute !== undefined && { inputTokensPerMinute }),
    ...(outputTokensPerMinute !== undefined && { outputTokensPerMinute }),
    ...(countTokensPerMinute !== undefined && { countTokensPerMinute }),
    burst: burst === undefined ? DEFAULT_BURST : parseDuration(burst),
    ...(models !== undefined && { models: parseAlternatives(models) }),
    ...(keys !== undefined && { keys: parseAlternatives(keys) }),
  };
}

/**
 * Reads rate limits. For each request the first rule that is for its key and model holds. Throws SpecError.
 *
 * ```
 * limits  = rule { ";" rule }
 * rule    = setting { "," setting }
 * setting = "rpm=" count        requests per minute
 *         | "itpm=" count       input tokens per minute
 *         | "otpm=" count       output tokens per minute
 *         | "ctpm=" count       token-counting requests per minute
 *         | "burst=" duration   refill that a bucket holds, 60s by default
 *         | "models=" pattern { "|" pattern }
 *         | "keys=" pattern { "|" pattern }
 * ```
 * `rpm=50,itpm=40k,otpm=8k`, `rpm=1k,models=claude-opus-*;rpm=4k,burst=10s`.
 */
export function parseLimits(text: string): readonly LimitRule[] {
  return splitRules(text).map((rule) => {
    try {
      return parseRule(rule);
    } catch (error) {
      if (error instanceof SpecError) throw new SpecError(`limits "${rule}": ${error.message}`);
      throw error;
    }
  });
}
