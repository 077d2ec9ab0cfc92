import type { Operation } from '../../completion/call.ts';
import { type FieldViolation, RelayError } from '../../completion/errors.ts';
import { unquote } from '../../completion/json.ts';
import type { DecodedRequest } from '../relay-service.ts';
import { inDocumentOrder } from './document-order.ts';
import { objectText } from './object-text.ts';
import type { FieldTexts, MessagePlan } from './plan.ts';
import { readOptions } from './relay-options.ts';
import type { Requirements } from './requirements.ts';
import { isSelfContained } from './self-contained.ts';
import { JsonDecoder } from './to-json.ts';
import { MAX_VIOLATIONS, RequestViolation } from './violation.ts';

/** A path in an error's message is cut in the middle beyond this; in the violations it is whole. */
const MAX_SHOWN_PATH = 100;

/** Makes the upstream's request of the bytes of a message `plan`. Throws INVALID_REQUEST, with violations. */
export function decodeRequest(
  operation: Operation,
  plan: MessagePlan,
  requirements: Requirements,
  wire: Buffer,
): DecodedRequest {
  const texts: (string | undefined)[] = [];
  const text = (name: string): string | undefined => {
    const field = plan.byName.get(name);
    return field === undefined ? undefined : texts[field.index];
  };
  try {
    new JsonDecoder(wire, requirements).root(plan, texts);
    const body = operation === 'models' ? queryOf(plan, texts) : objectText(plan, texts);
    const { options, routing, cache, violations } = readOptions(text('relay'));
    if (violations.length > 0) throw invalid(plan, violations);
    return {
      body,
      model: unquote(text('model') ?? '""'),
      maxTokens: Number(text('max_tokens') ?? 0),
      options,
      routing,
      cache,
      selfContained: isSelfContained(text, body),
    };
  } catch (thrown) {
    if (!(thrown instanceof RequestViolation)) throw thrown;
    throw invalid(plan, [...thrown.violations, ...readOptions(text('relay')).violations]);
  }
}

/** The query of `GET /v1/models`; lists as the official SDKs write them. */
function queryOf(plan: MessagePlan, texts: FieldTexts): string {
  const query = new URLSearchParams();
  for (const field of plan.members) {
    const text = texts[field.index];
    if (text === undefined) continue;
    // A request for models has strings, integers and lists of strings only.
    const value = JSON.parse(text) as string | number | readonly string[];
    if (typeof value === 'object') for (const item of value) query.append(`${field.name}[]`, item);
    else query.append(field.name, String(value));
  }
  return query.toString();
}

function invalid(plan: MessagePlan, found: readonly FieldViolation[]): RelayError {
  const violations = inDocumentOrder(plan, found.slice(0, MAX_VIOLATIONS));
  const [first] = violations;
  const isCut = found.length > MAX_VIOLATIONS;
  const where = first === undefined || first.field === '' ? 'The request' : shown(first.field);
  const count = `${isCut ? 'at least ' : ''}${found.length - 1} more`;
  const more = found.length > 1 ? ` (and ${count}, see BadRequest in the details)` : '';
  if (isCut) violations.push({ field: '', description: 'has more violations than these; correct these first' });
  return new RelayError('INVALID_REQUEST', `${where} ${first?.description ?? 'is invalid'}${more}`, { violations });
}

function shown(path: string): string {
  const half = MAX_SHOWN_PATH / 2;
  return path.length > MAX_SHOWN_PATH ? `${path.slice(0, half)}…${path.slice(-half)}` : path;
}
