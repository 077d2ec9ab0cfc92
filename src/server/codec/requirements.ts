import type { FieldViolation } from '../../completion/errors.ts';
import type { Operation } from '../../completion/call.ts';

/**
 * What a request must have before it is worth an upstream call. Everything else is the upstream's to judge: its rules
 * change by model and by day.
 */
export function missingFields(operation: Operation, text: (field: string) => string | undefined): FieldViolation[] {
  if (operation === 'models') return pageViolations(text('limit'));
  const violations: FieldViolation[] = [];
  const model = text('model');
  if (model === undefined || model === '""') {
    violations.push({ field: 'model', description: 'is missing; set the id of a model, see ListModels' });
  }
  if ((text('messages') ?? '[]') === '[]') {
    violations.push({ field: 'messages', description: 'is empty; add at least one turn' });
  }
  if (operation === 'messages') violations.push(...maxTokensViolations(text('max_tokens')));
  return violations;
}

function maxTokensViolations(maxTokens: string | undefined): FieldViolation[] {
  if (maxTokens === undefined) {
    const description = 'is missing; set the largest number of tokens to write (0 only fills the prompt cache)';
    return [{ field: 'max_tokens', description }];
  }
  if (!maxTokens.startsWith('-')) return [];
  return [{ field: 'max_tokens', description: `is ${maxTokens}; it must be 0 or more` }];
}

function pageViolations(limit: string | undefined): FieldViolation[] {
  if (limit === undefined || (Number(limit) >= 1 && Number(limit) <= 1000)) return [];
  return [{ field: 'limit', description: `is ${limit}; it must be from 1 to 1000` }];
}

/** The first turn whose role is empty, if any; `roles` are the texts of the turns' roles. */
export function roleViolations(messages: string): FieldViolation[] {
  const turns: unknown = messages.includes('"role":""') ? JSON.parse(messages) : [];
  if (!Array.isArray(turns)) return [];
  return turns.flatMap((turn: { role?: unknown }, index): FieldViolation[] =>
    turn.role === '' ? [{ field: `messages[${index}].role`, description: 'is missing; set user or assistant' }] : [],
  );
}
