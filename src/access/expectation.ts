import type { Call } from '../completion/call.ts';
import { members, stringMember } from '../completion/json.ts';
import { completeUsage, type PriceBook, type PriceOptions, type UsageEstimate } from '../completion/price.ts';
import type { Usage } from '../completion/usage.ts';
import type { Consumption } from './quota.ts';

/** What a call may use up, as far as its request tells: an estimate on the dear side, for the time until it is known. */
export interface Expectation {
  readonly model: string;
  readonly usage: UsageEstimate;
  readonly price: PriceOptions;
}

/**
 * UTF-8 bytes of JSON text per token. English has about four characters a token; the tokenizers of Claude 4.7 and later
 * make 30% more tokens of it (pricing page), and other scripts take more bytes a character and more tokens.
 */
const BYTES_PER_TOKEN = 3;

/** Base64 of an image or a PDF costs by pixels and pages. No figure in bytes is right; this one is seldom too low. */
const MEDIA_BYTES_PER_TOKEN = 50;
const MEDIA_FROM_BYTES = 1024;
const MEDIA_TOKENS_AT_LEAST = 1600;
const DATA = '"data":"';
const BASE64 = /^[A-Za-z0-9+/=]+$/;

/** Fields that change the price, or a key spelled with escapes, in which one could hide: then the body is read properly. */
const PRICED_FIELDS = /"(?:speed|inference_geo)"|\\u00(?:5[fF]|[67][0-9a-fA-F])/;

const NO_FIELDS: ReturnType<typeof members> = new Map();

/**
 * What to expect of a call whose request is not yet sent.
 *
 * @param at milliseconds since the epoch
 */
export function expectationOf(
  { model, body, maxTokens }: Pick<Call, 'model' | 'body' | 'maxTokens'>,
  at: number,
): Expectation {
  const caching = body.includes('"cache_control"');
  const fields = PRICED_FIELDS.test(body) ? members(body) : NO_FIELDS;
  const speed = stringMember(fields, 'speed');
  const inferenceGeo = stringMember(fields, 'inference_geo');
  return {
    model,
    usage: { inputTokens: inputTokens(body), outputTokens: maxTokens, caching },
    price: {
      at,
      cacheWriteLife: caching && body.includes('"1h"') ? '1h' : '5m',
      ...(speed === undefined ? {} : { speed }),
      ...(inferenceGeo === undefined ? {} : { inferenceGeo }),
    },
  };
}

/**
 * What a call consumes, given the usage that is known of it (none yet: `{}`); what is not known is as expected. Cache
 * reads are paid for but count as no tokens. Where the price is not known, that of the dearest model is assumed: a
 * budget that ignored such calls would be none.
 */
export function consumptionOf({ model, usage, price }: Expectation, known: Usage, prices: PriceBook): Consumption {
  const complete = completeUsage(known, usage);
  return {
    tokens: complete.input_tokens + complete.cache_creation_input_tokens + complete.output_tokens,
    usd: prices.priceOf(model, complete, price) ?? prices.dearest(complete, price),
  };
}

function inputTokens(body: string): number {
  let bytes = Buffer.byteLength(body);
  let tokens = 0;
  for (let at = body.indexOf(DATA); at >= 0; at = body.indexOf(DATA, at)) {
    const start = at + DATA.length;
    const end = body.indexOf('"', start);
    const length = end - start;
    // A plain text document has its text in `data` too.
    if (length >= MEDIA_FROM_BYTES && BASE64.test(body.slice(start, start + MEDIA_FROM_BYTES))) {
      bytes -= length;
      tokens += Math.max(MEDIA_TOKENS_AT_LEAST, length / MEDIA_BYTES_PER_TOKEN);
    }
    at = Math.max(start, end);
  }
  return Math.ceil(tokens + bytes / BYTES_PER_TOKEN);
}
