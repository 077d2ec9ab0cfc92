import { hash } from 'node:crypto';
import { elements, type Members, members, objectText, unquote } from '../completion/json.ts';

/** A request split in two: what the last user turn says, and a digest of everything else. */
export interface LastTurn {
  readonly text: string;
  /** Equal for two requests that differ in that text alone (and have the same `salt`). */
  readonly rest: string;
}

/**
 * Splits the text of the last user turn off a request body; undefined where that turn is not one text block. `salt` is
 * what else must be equal: of whom, to what operation, in which version.
 */
export function splitLastTurn(body: string, salt: string): LastTurn | undefined {
  const request = members(body);
  const turns = elements(request.get('messages') ?? '[]');
  const last = members(turns.at(-1) ?? '{}');
  if (last.get('role') !== '"user"') return undefined;
  const [block, ...others] = elements(last.get('content') ?? '[]');
  if (block === undefined || others.length > 0) return undefined;
  const fields: Members = members(block);
  const literal = fields.get('text');
  if (fields.get('type') !== '"text"' || literal === undefined) return undefined;
  fields.set('text', 'null');
  last.set('content', `[${objectText(fields)}]`);
  request.set('messages', `[${[...turns.slice(0, -1), objectText(last)].join(',')}]`);
  return { text: unquote(literal), rest: hash('sha256', salt + objectText(request), 'hex') };
}
