import type { Operation } from '../../completion/call.ts';
import { type FieldViolation, RelayError } from '../../completion/errors.ts';
import { unquote } from '../../completion/json.ts';
import type { DecodedRequest } from '../relay-service.ts';
import { objectText } from './object-text.ts';
import type { FieldTexts, MessagePlan } from './plan.ts';
import { readOptions } from './relay-options.ts';
import type { Requirements } from './requirements.ts';
import { isSelfContained } from './self-contained.ts';
import { sentFields } from './sent-fields.ts';
import { JsonDecoder } from './to-json.ts';
import { RequestViolation } from './violation.ts';

/** A path in an error's message is cut in the middle beyond this; in the violations it is whole. */
const MAX_SHOWN_PATH = 100;

/** Makes the upstream's request of the bytes of a message `plan`. Throws INVALID_REQUEST, with violations. */
export function decodeRequest(
  operation: Operation,
  plan: MessagePlan,
  requirements: Requirements,
  wire: Buffer,
): DecodedRequest {
  try {
    const texts = new JsonDecoder(wire, requirements).root(plan);
    const text = (name: string): string | undefined => {
      const field = plan.byName.get(name);
      return field === undefined ? undefined : texts[field.index];
    };
    const { options, routing, cache, violations } = readOptions(text('relay'));
    const problems = [...requirements.violations(plan, texts), ...violations];
    if (problems.length > 0) throw invalid(problems);
    const body = operation === 'models' ? queryOf(plan, texts) : objectText(plan, texts);
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
    const sent = sentFields(plan, wire);
    const missing = sent === undefined ? [] : requirements.missing(plan, sent);
    throw invalid([{ field: thrown.path, description: thrown.message }, ...missing]);
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

function invalid(violations: readonly FieldViolation[]): RelayError {
  const [first] = violations;
  const where = first === undefined || first.field === '' ? 'The request' : shown(first.field);
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more, see BadRequest in the details)` : '';
  return new RelayError('INVALID_REQUEST', `${where} ${first?.description ?? 'is invalid'}${more}`, { violations });
}

function shown(path: string): string {
  const half = MAX_SHOWN_PATH / 2;
  return path.length > MAX_SHOWN_PATH ? `${path.slice(0, half)}…${path.slice(-half)}` : path;
}
