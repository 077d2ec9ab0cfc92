import type { Answer } from './generation/answer.ts';
import type { InputUsage } from './prompt-cache.ts';

/** What usage says besides counting. */
export interface Service {
  readonly tier: 'standard' | 'batch';
  readonly geography: string;
  /** Only named where the request named it. */
  readonly speed: 'standard' | 'fast' | undefined;
}

/** Input counters, as `message_start`, `message_delta` and whole answers spell them alike. */
function inputCounters(input: InputUsage): object {
  return {
    input_tokens: input.fresh,
    cache_creation_input_tokens: input.written5m + input.written1h,
    cache_read_input_tokens: input.read,
  };
}

function details(answer: Answer): object {
  return { output_tokens_details: { thinking_tokens: answer.thinkingTokens } };
}

/** `usage` of a whole answer, or with `outputTokens` 1 and no details of `message_start`. */
function fullUsage(input: InputUsage, outputTokens: number, service: Service): object {
  return {
    ...inputCounters(input),
    cache_creation: {
      ephemeral_5m_input_tokens: input.written5m,
      ephemeral_1h_input_tokens: input.written1h,
    },
    output_tokens: outputTokens,
    service_tier: service.tier,
    inference_geo: service.geography,
    ...(service.speed && { speed: service.speed }),
  };
}

/** `usage` of `message_start`: one token is under way. */
export function startUsage(input: InputUsage, service: Service): object {
  return fullUsage(input, 1, service);
}

/** `usage` of `message_delta`: cumulative, and without what only `message_start` carries (reference 3.4). */
export function deltaUsage(input: InputUsage, answer: Answer): object {
  return { ...inputCounters(input), output_tokens: answer.outputTokens, ...details(answer) };
}

/** `usage` of a whole answer: what the two above come to. */
export function wholeUsage(input: InputUsage, answer: Answer, service: Service): object {
  return { ...fullUsage(input, answer.outputTokens, service), ...details(answer) };
}
