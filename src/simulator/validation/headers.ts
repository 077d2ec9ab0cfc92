import type { IncomingHttpHeaders } from 'node:http';
import { ApiError, invalidRequest } from '../api-error.ts';
import type { ApiVersion } from './fields.ts';

/** Betas of the API as of November 2026: reference 1.14. */
export const KNOWN_BETAS: readonly string[] = [
  'advisor-tool-2026-03-01',
  'cache-diagnosis-2026-04-07',
  'code-execution-2025-05-22',
  'compact-2026-01-12',
  'compact-2026-09-04',
  'computer-use-2024-10-22',
  'computer-use-2025-01-24',
  'computer-use-2025-11-24',
  'context-1m-2025-08-07',
  'context-management-2025-06-27',
  'dev-full-thinking-2025-05-14',
  'extended-cache-ttl-2025-04-11',
  'fallback-credit-2026-06-01',
  'fallback-credit-2026-07-01',
  'fast-mode-2026-02-01',
  'files-api-2025-04-14',
  'fine-grained-tool-streaming-2025-05-14',
  'inline-tools-2026-09-15',
  'interleaved-thinking-2025-05-14',
  'mcp-client-2025-04-04',
  'mcp-client-2025-11-20',
  'mcp-client-2026-09-15',
  'message-batches-2024-09-24',
  'message-threads-2026-08-12',
  'mid-conversation-output-config-2026-07-01',
  'mid-conversation-system-clear-at-2026-08-21',
  'mid-conversation-tool-changes-2026-07-01',
  'model-context-window-exceeded-2025-08-26',
  'output-128k-2025-02-19',
  'output-300k-2026-03-24',
  'pdfs-2024-09-25',
  'prompt-caching-2024-07-31',
  'server-side-fallback-2026-06-01',
  'server-side-fallback-2026-07-01',
  'skills-2025-10-02',
  'structured-outputs-2025-11-13',
  'task-budgets-2026-03-13',
  'thinking-binding-controls-2026-08-01',
  'thinking-display-updates-2026-08-18',
  'thinking-token-count-2026-05-13',
  'token-counting-2024-11-01',
  'token-efficient-tools-2025-02-19',
  'user-profiles-2026-03-24',
  'user-profiles-2026-08-18',
  'user-profiles-2026-09-04',
  'user-profiles-billing-2026-10-01',
];

/** The API key of a request; `x-api-key` wins over `authorization` (reference 0.2). Throws ApiError when there is none. */
export function readApiKey(headers: IncomingHttpHeaders): string {
  const apiKey = headers['x-api-key'];
  if (typeof apiKey === 'string' && apiKey !== '') return apiKey;
  const [scheme = '', token = ''] = (headers.authorization ?? '').split(' ');
  if (scheme.toLowerCase() === 'bearer' && token !== '') return token;
  throw new ApiError(401, 'authentication_error', 'x-api-key header is required');
}

/** Throws ApiError for a version that is missing or unknown. 2023-01-01 differs in nothing that is simulated. */
export function readVersion(headers: IncomingHttpHeaders): ApiVersion {
  const version = headers['anthropic-version'];
  switch (version) {
    case '2026-10-21':
      return '2026-10-21';
    case '2023-06-01':
    case '2023-01-01':
      return '2023-06-01';
    case undefined:
      throw invalidRequest('anthropic-version: header is required');
    default:
      throw invalidRequest(`anthropic-version: "${String(version)}" is not a valid version`);
  }
}

const NO_BETAS: readonly string[] = [];

/** The betas that a request asks for. Throws ApiError for one that is not known. */
export function readBetas(headers: IncomingHttpHeaders, known: ReadonlySet<string>): readonly string[] {
  const header = headers['anthropic-beta'];
  if (header === undefined) return NO_BETAS;
  // Node joins a repeated header with commas.
  const betas = String(header)
    .split(',')
    .map((beta) => beta.trim())
    .filter((beta) => beta !== '');
  const unknown = betas.filter((beta) => !known.has(beta));
  if (unknown.length > 0) {
    const quoted = unknown.map((beta) => `\`${beta}\``).join(', ');
    throw invalidRequest(
      `Unexpected value(s) ${quoted} for the \`anthropic-beta\` header. Please consult our documentation at platform.claude.com/docs or try again without the header.`,
    );
  }
  return betas;
}
