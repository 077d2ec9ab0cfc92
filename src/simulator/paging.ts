import { invalidRequest } from './api-error.ts';

/** One page of a list, as the API spells it. */
export interface Page<Item> {
  readonly data: readonly Item[];
  readonly has_more: boolean;
  readonly first_id: string | null;
  readonly last_id: string | null;
}

const DEFAULT_LIMIT = 20;
const LARGEST_LIMIT = 1000;

function readLimit(query: URLSearchParams): number {
  const text = query.get('limit');
  if (text === null) return DEFAULT_LIMIT;
  const limit = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(limit)) throw invalidRequest('limit: Input should be a valid integer');
  if (limit < 1) throw invalidRequest('limit: Input should be greater than or equal to 1');
  if (limit > LARGEST_LIMIT) throw invalidRequest(`limit: Input should be less than or equal to ${LARGEST_LIMIT}`);
  return limit;
}

function positionOf(items: readonly { readonly id: string }[], id: string, parameter: string): number {
  const position = items.findIndex((item) => item.id === id);
  if (position === -1) throw invalidRequest(`${parameter}: no object with id ${id}`);
  return position;
}

/** Cuts the page that `limit`, `after_id` and `before_id` ask for. Throws ApiError for parameters that are wrong. */
export function paginate<Item extends { readonly id: string }>(
  items: readonly Item[],
  query: URLSearchParams,
): Page<Item> {
  const limit = readLimit(query);
  const after = query.get('after_id');
  const before = query.get('before_id');
  if (after !== null && before !== null) throw invalidRequest('Only one of after_id and before_id may be given');
  let start = after === null ? 0 : positionOf(items, after, 'after_id') + 1;
  let end = Math.min(start + limit, items.length);
  let hasMore = end < items.length;
  if (before !== null) {
    end = positionOf(items, before, 'before_id');
    start = Math.max(0, end - limit);
    hasMore = start > 0;
  }
  const data = items.slice(start, end);
  return { data, has_more: hasMore, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
}
