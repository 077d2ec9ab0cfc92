/** The kinds of settings, as schemas: what is accepted, what it becomes, and what is said of anything else. */

import { z } from 'zod';
import { Secret } from '../completion/secret.ts';
import { type Address, parseAddress } from './address.ts';
import { DURATION_PATTERN, MAX_DURATION_MS, parseDuration } from './duration.ts';
import { formatSize, parseSize, SIZE_PATTERN } from './size.ts';

interface Range {
  readonly min?: number;
  readonly max?: number;
}

const NUMBER = /^-?\d+(\.\d+)?$/;

/** A variable's value is always text (`weight: ${WEIGHT}`), so text of the right form stands for a number or a boolean. */
function fromText(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (NUMBER.test(value)) return Number(value);
  if (value === 'true') return true;
  return value === 'false' ? false : value;
}

/** A mapping of settings. With nothing after its colon it counts as left out: the reader sees to that, editors are told. */
export function section<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape).meta({ type: ['object', 'null'] });
}

/** A whole number. */
export function count({ min = 0, max = Number.MAX_SAFE_INTEGER }: Range = {}) {
  return z.preprocess(fromText, z.int().min(min).max(max));
}

/** A number that need not be whole. */
export function figure({ min = 0, max = Number.MAX_SAFE_INTEGER }: Range = {}) {
  return z.preprocess(fromText, z.number().min(min).max(max));
}

/** True or false. */
export function flag() {
  return z.preprocess(fromText, z.boolean());
}

/**
 * One of a few words.
 *
 * @param planned Words that a later version will take: they get an answer of their own.
 */
export function choice<const T extends readonly [string, ...string[]]>(words: T, planned: readonly string[] = []) {
  return z.enum(words, {
    error: ({ input }) =>
      typeof input === 'string' && planned.includes(input)
        ? `"${input}" is not supported yet. Use ${words.map((word) => `"${word}"`).join(' or ')} for now.`
        : undefined,
  });
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** A name that stands in metrics' labels and in URLs. */
export function name() {
  return z
    .string()
    .regex(NAME, 'is not a name. Use up to 63 letters, digits, dots, dashes and underscores, a letter or digit first.');
}

const NOT_A_DURATION =
  'is not a duration. Write numbers with units, such as 100ms, 30s, 1m30s or 1h, of us, ms, s, m, h and d.';

/** Bounds in the settings' own spelling, e.g. `1s`. */
interface DurationRange {
  readonly min?: string;
  readonly max?: string;
  /** What is wrong with less than `min`, as a sentence. */
  readonly why?: string;
}

/** A duration; becomes milliseconds. */
export function duration({ min = '0', max = `${MAX_DURATION_MS}ms`, why }: DurationRange = {}) {
  const [least, most] = [boundOf(min), boundOf(max)];
  const range = `is out of range. Use a duration from ${min} to ${most === MAX_DURATION_MS ? '24d' : max}.`;
  const tooShort = why === undefined ? range : `${range} ${why}`;
  return durationText(least, tooShort).transform((value, context) => {
    const milliseconds = parseDuration(String(value));
    if (milliseconds !== undefined && milliseconds >= least && milliseconds <= most) return milliseconds;
    context.addIssue(milliseconds !== undefined && milliseconds < least ? tooShort : range);
    return z.NEVER;
  });
}

/** The text of a duration; a plain 0, which YAML takes for a number, is one where the setting can be 0. */
function durationText(least: number, tooShort: string): z.ZodType<number | string, number | string> {
  const text = z
    .string({
      error: ({ input }) => {
        if (input === undefined) return undefined;
        return input === 0 ? tooShort : NOT_A_DURATION;
      },
    })
    .regex(DURATION_PATTERN, NOT_A_DURATION);
  return least > 0 ? text : z.union([z.literal(0), text], { error: () => NOT_A_DURATION });
}

function boundOf(text: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined) throw new Error('A bound of a duration is no duration.');
  return milliseconds;
}

/** A duration or `off`, which becomes `Infinity`: never. */
export function durationOrOff(range: DurationRange = {}) {
  const either = duration(range);
  return z.union([z.literal('off').transform(() => Number.POSITIVE_INFINITY), either], {
    error: ({ input }) => (input === 0 ? either.safeParse(0).error?.issues[0]?.message : NEITHER),
  });
}

const NEITHER = NOT_A_DURATION.replace('not a duration', 'neither a duration nor "off"');

const NOT_A_SIZE =
  'is not a size. Write bytes as a whole number, or a number with KiB, MiB, GiB (1024s) or kB, MB, GB (1000s), such as 32MiB.';

interface SizeRange extends Range {
  /** What is wrong with less than `min`, as a sentence. */
  readonly why?: string;
}

/** A size in bytes, as a number or with a unit; becomes bytes. */
export function size({ min = 0, max = Number.MAX_SAFE_INTEGER, why }: SizeRange = {}) {
  const range = `is out of range. Use a size from ${formatSize(min)} to ${formatSize(max)}.`;
  return z
    .union([z.int(NOT_A_SIZE), z.string().regex(SIZE_PATTERN, NOT_A_SIZE)], { error: () => NOT_A_SIZE })
    .transform((value, context) => {
      const bytes = typeof value === 'number' ? value : (parseSize(value) ?? Number.NaN);
      if (bytes >= min && bytes <= max) return bytes;
      context.addIssue(bytes < min && why !== undefined ? `${range} ${why}` : range);
      return z.NEVER;
    });
}

/** How long an answer is kept. */
export function answerTtl() {
  return duration({ min: '1ms', why: 'To keep no answers, write mode: off.' });
}

/** How alike two requests are: 0 for anything, 1 for the same. */
export function similarity() {
  return figure({ max: 1 });
}

/** `host:port` of a listener. */
export function address() {
  return z.string().transform((text, context): Address => {
    const parsed = parseAddress(text);
    if (parsed !== undefined) return parsed;
    context.addIssue('is not an address. Write HOST:PORT, such as 127.0.0.1:50051, 0.0.0.0:50051 or [::1]:50051.');
    return z.NEVER;
  });
}

/** An upstream's base URL; becomes the URL without a slash at its end. */
export function baseUrl() {
  return z.string().transform((text, context): string => {
    const url = URL.parse(text);
    const refusal = url === null ? NOT_HTTP : refuseBaseUrl(url);
    if (url !== null && refusal === undefined) return url.href.replace(/\/+$/, '');
    context.addIssue(refusal ?? NOT_HTTP);
    return z.NEVER;
  });
}

const NOT_HTTP = 'is not an HTTP URL. Write one such as https://api.anthropic.com.';

function refuseBaseUrl(url: URL): string | undefined {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return NOT_HTTP;
  if (url.username !== '' || url.password !== '') return 'holds credentials. Take them out and use api_key.';
  if (url.search !== '' || url.hash !== '') return 'has a query or a fragment. Leave only scheme, host, port and path.';
  if (/\/v1\/?$/.test(url.pathname)) return 'ends in /v1, which the relay adds itself. Take it off.';
  return undefined;
}

/** A secret's text. Whoever needs it non-empty and fit for a header says so: see `headerSecret`. */
export function secret() {
  return z
    .string()
    .min(1, 'is empty. Set it, or take it out.')
    .transform((text) => new Secret(text));
}

/** A secret that goes into an HTTP header as it is. */
export function headerSecret() {
  return z
    .string()
    .min(1, 'is empty. Set it, or take it out.')
    .regex(/^[\x21-\x7e]*$/, 'holds a space, a line break or a character outside ASCII. Copy it again.')
    .transform((text) => new Secret(text));
}

const SHA256_OF_NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** The SHA-256 of a bearer token, so that the file need not hold the token; becomes lower case. */
export function tokenHash() {
  return z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, 'is not a SHA-256 in hex (64 digits). Make one with: printf %s "$TOKEN" | sha256sum')
    .refine((text) => text.toLowerCase() !== SHA256_OF_NOTHING, 'is the hash of an empty token. Hash the token itself.')
    .transform((text) => new Secret(text.toLowerCase()));
}

/** The path of a file, from the folder of the configuration file. */
export function filePath() {
  return z.string().min(1, 'is empty. Give the path of a file.');
}

/** Names in which `*` stands for any run of characters, e.g. `claude-*` for models. */
export function patterns() {
  const pattern = z
    .string()
    .regex(
      /^[A-Za-z0-9*._:@/-]{1,128}$/,
      'is not a name or pattern. Use letters, digits, . _ : @ / - and * for anything.',
    );
  return z.array(pattern).min(1);
}
