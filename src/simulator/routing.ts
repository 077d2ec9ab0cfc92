import { ApiError, notFound } from './api-error.ts';
import type { Endpoint } from './faults/rules.ts';

/** What a request asks for. */
export type Action =
  | 'create_message'
  | 'count_tokens'
  | 'create_batch'
  | 'list_batches'
  | 'get_batch'
  | 'delete_batch'
  | 'cancel_batch'
  | 'batch_results'
  | 'list_models'
  | 'get_model';

/** Where a request goes. */
export interface Route {
  readonly endpoint: Endpoint;
  readonly action: Action;
  /** The id in the path; empty where there is none. */
  readonly id: string;
  /** Without the question mark. */
  readonly query: string;
}

interface Pattern {
  readonly path: RegExp;
  readonly endpoint: Endpoint;
  readonly methods: Readonly<Record<string, Action>>;
}

/** Fixed paths before those with an id, which would match them too. */
const PATTERNS: readonly Pattern[] = [
  { path: /^\/v1\/messages$/, endpoint: 'messages', methods: { POST: 'create_message' } },
  { path: /^\/v1\/messages\/count_tokens$/, endpoint: 'count_tokens', methods: { POST: 'count_tokens' } },
  {
    path: /^\/v1\/messages\/batches$/,
    endpoint: 'batches',
    methods: { POST: 'create_batch', GET: 'list_batches' },
  },
  {
    path: /^\/v1\/messages\/batches\/([^/]+)$/,
    endpoint: 'batches',
    methods: { GET: 'get_batch', DELETE: 'delete_batch' },
  },
  { path: /^\/v1\/messages\/batches\/([^/]+)\/cancel$/, endpoint: 'batches', methods: { POST: 'cancel_batch' } },
  { path: /^\/v1\/messages\/batches\/([^/]+)\/results$/, endpoint: 'batches', methods: { GET: 'batch_results' } },
  { path: /^\/v1\/models$/, endpoint: 'models', methods: { GET: 'list_models' } },
  { path: /^\/v1\/models\/([^/]+)$/, endpoint: 'models', methods: { GET: 'get_model' } },
];

function decodeId(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw notFound('Not Found');
  }
}

/** Finds what a request asks for. Throws the API's 404 and 405. */
export function route(method: string, url: string): Route {
  const question = url.indexOf('?');
  const path = question === -1 ? url : url.slice(0, question);
  for (const { path: pattern, endpoint, methods } of PATTERNS) {
    const match = pattern.exec(path);
    if (match === null) continue;
    const action = methods[method];
    if (action === undefined) throw new ApiError(405, 'invalid_request_error', 'Method Not Allowed');
    return { endpoint, action, id: decodeId(match[1] ?? ''), query: question === -1 ? '' : url.slice(question + 1) };
  }
  throw notFound('Not Found');
}
