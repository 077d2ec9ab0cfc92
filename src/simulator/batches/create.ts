import { invalidRequest } from '../api-error.ts';
import { anyObject, list, matching, object } from '../validation/check.ts';
import type { BatchItem } from './batch.ts';

const MOST_ITEMS = 100_000;

const customId = matching(/^[a-zA-Z0-9_-]{1,64}$/);
/** The items' `params` are judged one by one, when they are processed (reference 5.1). */
const body = object({ requests: list(object({ custom_id: customId, params: anyObject }), MOST_ITEMS) });

/** Reads the parsed body of `POST /v1/messages/batches`. Throws ApiError. */
export function readBatch(value: unknown): readonly BatchItem[] {
  const found = body(value);
  if (found !== undefined) throw invalidRequest(found.path === '' ? found.message : `${found.path}: ${found.message}`);
  const { requests } = value as { readonly requests: readonly BatchItem[] };
  if (requests.length === 0) throw invalidRequest('requests: List should have at least 1 item after validation, not 0');
  const seen = new Set<string>();
  for (const { custom_id: id } of requests) {
    if (seen.has(id)) throw invalidRequest(`requests: custom_id must be unique within a batch: ${id}`);
    seen.add(id);
  }
  return requests;
}
