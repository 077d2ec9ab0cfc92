import { entries } from '../../completion/json.ts';
import type { FieldPlan, FieldTexts, MessagePlan } from './plan.ts';
import { RequestViolation } from './violation.ts';

/** Keys that may stand in an error: names of the API, nothing of a prompt's. */
const API_NAME = /^[a-z0-9_]{1,64}$/;

/**
 * Puts the members of an object together; `head` is what it begins with. Throws RequestViolation where `extra` is no
 * object, or repeats what a field, the type or itself says.
 */
export function objectText(plan: MessagePlan, texts: FieldTexts, head = '{'): string {
  const extra = plan.extra === undefined ? undefined : texts[plan.extra.index];
  const extraKeys = extra === undefined ? undefined : keysOf(plan, extra, texts);
  let json = head;
  for (const field of plan.members) {
    const text = texts[field.index] ?? (extraKeys?.has(field.name) === true ? undefined : absentText(field));
    if (text !== undefined) json += (json === '{' ? '' : ',') + field.prefix + text;
  }
  const inner = extra?.trim().slice(1, -1).trim() ?? '';
  if (inner !== '') json += (json === '{' ? '' : ',') + inner;
  return `${json}}`;
}

/** What a field that was not sent is in JSON: nothing where its presence counts, else its default. */
function absentText(field: FieldPlan): string | undefined {
  if (field.requiredList) return '[]';
  if (field.presence || field.repeated || field.kind === 'enum') return undefined;
  return field.kind === 'string' ? '""' : field.kind === 'bool' ? 'false' : '0';
}

/** The keys of `extra`, none of which may be said already. */
function keysOf(plan: MessagePlan, extra: string, texts: FieldTexts): ReadonlySet<string> {
  if (!extra.trimStart().startsWith('{')) {
    throw new RequestViolation('is no JSON object; give the further members as one object').under('extra');
  }
  const keys = new Set<string>();
  for (const [key] of entries(extra)) {
    const field = plan.memberByName.get(key);
    const isSaid = field !== undefined && (field.kind === 'tag' || texts[field.index] !== undefined);
    if (isSaid || keys.has(key)) {
      const name = API_NAME.test(key) ? `"${key}"` : 'a key';
      throw new RequestViolation(
        `says ${name}, which is said already; say it once, or two readers could see two requests`,
      ).under('extra');
    }
    keys.add(key);
  }
  return keys;
}
