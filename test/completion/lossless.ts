import { elements, members } from '../../src/completion/json.ts';

const ONE_TEXT_BLOCK = /^\[\{"text":("(?:[^"\\]|\\.)*"),"type":"text"\}\]$/;

/**
 * A JSON document in one spelling: keys sorted, members that are null left out, numbers spelt as they are. Two documents
 * with the same canonical text mean the same to a reader who tells neither null from absent nor minds the order of keys.
 */
export function canonical(text: string): string {
  const trimmed = text.trim();
  if (trimmed.startsWith('{')) {
    const kept = [...members(trimmed)].filter(([, value]) => value !== 'null');
    const written = kept.map(
      ([key, value]) => `${JSON.stringify(key)}:${canonical(value).replace(ONE_TEXT_BLOCK, '$1')}`,
    );
    return `{${written.sort().join(',')}}`;
  }
  if (trimmed.startsWith('[')) return `[${elements(trimmed).map(canonical).join(',')}]`;
  return trimmed.startsWith('"') ? JSON.stringify(JSON.parse(trimmed)) : trimmed;
}
