/** What the requests of a batch come to: made up when asked for, and always the same. */
import { ApiError, invalidRequest } from '../api-error.ts';
import { type Random, randomFrom } from '../random.ts';
import type { MessagesRequest } from '../request.ts';
import { isObject } from '../validation/check.ts';
import type { Batch, BatchItem, Outcomes } from './batch.ts';

/** Makes the message that answers a body, which is not validated yet. Throws ApiError for one that is wrong. */
export type AnswerItem = (params: unknown, itemId: string) => object;

/** What a batch does not take although the Messages endpoint would (reference 5.1). */
function refuseUnbatchable(params: unknown): void {
  if (!isObject(params)) return;
  const request: Partial<MessagesRequest> & { readonly fallbacks?: unknown } = params;
  if (request.stream === true) throw invalidRequest('stream: not supported in batches');
  if (request.max_tokens === 0) throw invalidRequest('max_tokens: must be at least 1 in batches');
  if (request.speed != null) throw invalidRequest('speed: not supported in batches');
  if (request.fallbacks != null) throw invalidRequest('fallbacks: not supported in batches');
}

function resultOf(batch: Batch, index: number, { params }: BatchItem, answer: AnswerItem): object {
  const fate = batch.fateOf(index);
  if (fate !== 'processed') return { type: fate };
  const id = `${batch.id.slice('msgbatch_'.length)}${index}`;
  try {
    refuseUnbatchable(params);
    return { type: 'succeeded', message: answer(params, id) };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { type: 'errored', error: error.body(`req_${id}`) };
  }
}

/** How many processed requests went well. `validate` throws ApiError for a body that is wrong. */
export function countOutcomes(batch: Batch, validate: (params: unknown) => void): Outcomes {
  let succeeded = 0;
  let errored = 0;
  batch.items.forEach(({ params }, index) => {
    if (batch.fateOf(index) !== 'processed') return;
    try {
      refuseUnbatchable(params);
      validate(params);
      succeeded++;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      errored++;
    }
  });
  return { succeeded, errored };
}

/** Fisher and Yates: results come in any order (reference 5.1), so that nobody relies on one. */
function shuffle(length: number, random: Random): readonly number[] {
  const order = Array.from({ length }, (_, index) => index);
  for (let index = length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1));
    const kept = order[index] ?? index;
    order[index] = order[other] ?? other;
    order[other] = kept;
  }
  return order;
}

/** The results as JSON Lines, one by one. */
export function* resultLines(batch: Batch, answer: AnswerItem): Generator<string> {
  for (const index of shuffle(batch.items.length, randomFrom(batch.createdAt))) {
    const item = batch.items[index];
    if (item === undefined) continue;
    yield `${JSON.stringify({ custom_id: item.custom_id, result: resultOf(batch, index, item, answer) })}\n`;
  }
}
