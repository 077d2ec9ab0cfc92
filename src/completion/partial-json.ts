import { JsonSyntaxError, JsonWalker, skipSpace, skipString, UPSTREAM_JSON_LIMITS } from './json.ts';

/** What a number or a word looks like before it is finished. */
const UNFINISHED = /^(?:-?[0-9.eE+-]*|t|tr|tru|f|fa|fal|fals|n|nu|nul)$/;
/** A number or a word, or whatever stands where one of them should. */
const TOKEN = /[^\s,:\]}]+/y;
/** An escape that the text ends in. */
const UNFINISHED_ESCAPE = /\\(?:u[0-9a-fA-F]{0,3})?$/y;

/**
 * Completes the input of a tool call that was cut off (`max_tokens`): the unfinished last token is dropped and what is
 * open is closed, so that the complete part can be read. This is what the official SDKs do with such input; text that
 * is broken otherwise is not repaired.
 *
 * @returns JSON text, or undefined where the text is not the beginning of a JSON document.
 */
export function completeJson(text: string): string | undefined {
  const open: ('}' | ']')[] = [];
  /** End of the last state in which closing what is open gives valid JSON. */
  let whole = 0;
  let afterColon = false;
  let pos = skipSpace(text, 0);
  while (pos < text.length) {
    const char = text.charAt(pos);
    if (char === ':' || char === ',') {
      afterColon = char === ':';
      pos += 1;
    } else if (char === '{' || char === '[') {
      open.push(char === '{' ? '}' : ']');
      if (open.length > UPSTREAM_JSON_LIMITS.maxDepth) return undefined;
      afterColon = false;
      pos += 1;
      whole = pos;
    } else if (char === '}' || char === ']') {
      if (open.pop() !== char) return undefined;
      pos += 1;
      whole = pos;
    } else {
      const end = tokenEnd(text, pos);
      if (end === 'wrong') return undefined;
      if (end === 'unfinished') break;
      pos = end;
      const isKey = open.at(-1) === '}' && !afterColon;
      if (!isKey) whole = pos;
    }
    pos = skipSpace(text, pos);
  }
  // Nothing was opened or closed since `whole`.
  const completed = text.slice(0, whole) + open.toReversed().join('');
  try {
    new JsonWalker(UPSTREAM_JSON_LIMITS).check(completed);
    return completed;
  } catch {
    // The text was not cut off but wrong: there is nothing to complete.
    return undefined;
  }
}

/** The end of the string, number or word at `pos`, if the text does not end before it does. */
function tokenEnd(text: string, pos: number): number | 'unfinished' | 'wrong' {
  if (text.charAt(pos) === '"') return stringEnd(text, pos);
  TOKEN.lastIndex = pos;
  const token = TOKEN.exec(text)?.[0] ?? text.charAt(pos);
  const end = pos + token.length;
  // More digits may follow a number that runs to the end of the text; a word is whole when it is one of the three.
  const isWord = token === 'true' || token === 'false' || token === 'null';
  if (end < text.length || isWord) return end;
  return UNFINISHED.test(token) ? 'unfinished' : 'wrong';
}

function stringEnd(text: string, pos: number): number | 'unfinished' | 'wrong' {
  try {
    return skipString(text, pos);
  } catch (thrown) {
    if (!(thrown instanceof JsonSyntaxError)) throw thrown;
    UNFINISHED_ESCAPE.lastIndex = thrown.offset;
    return thrown.offset >= text.length || UNFINISHED_ESCAPE.test(text) ? 'unfinished' : 'wrong';
  }
}
