import { parseCount, parseRange, type Range, SpecError } from './spec.ts';

/**
 * Reads how many output tokens an answer has: `128`, or `64-256` for anything between. Every answer has one at least.
 * Throws SpecError.
 */
export function parseOutputTokens(text: string): Range {
  const range = parseRange(text, parseCount);
  if (range.from < 1) throw new SpecError(`output tokens "${text}": an answer has at least 1 token`);
  return range;
}
