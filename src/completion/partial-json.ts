import { JsonWalker, skipSpace, skipString, UPSTREAM_JSON_LIMITS } from './json.ts';

/** What a string, a number or a word looks like before it is finished. */
const UNFINISHED = /^(?:"|(?:-?[0-9.eE+-]*|t|tr|tru|f|fa|fal|fals|n|nu|nul)$)/;

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
  let closers = '';
  const settle = (end: number): void => {
    whole = end;
    closers = open.toReversed().join('');
  };
  let afterColon = false;
  let pos = skipSpace(text, 0);
  while (pos < text.length) {
    const char = text.charAt(pos);
    if (char === ':' || char === ',') {
      afterColon = char === ':';
      pos += 1;
    } else if (char === '{' || char === '[') {
      open.push(char === '{' ? '}' : ']');
      afterColon = false;
      pos += 1;
      settle(pos);
    } else if (char === '}' || char === ']') {
      if (open.pop() !== char) return undefined;
      pos += 1;
      settle(pos);
    } else {
      const end = tokenEnd(text, pos);
      if (end === undefined) {
        if (!UNFINISHED.test(text.slice(pos))) return undefined;
        break;
      }
      pos = end;
      const isKey = open.at(-1) === '}' && !afterColon;
      if (!isKey) settle(pos);
    }
    pos = skipSpace(text, pos);
  }
  const completed = text.slice(0, whole) + closers;
  try {
    new JsonWalker(UPSTREAM_JSON_LIMITS).check(completed);
    return completed;
  } catch {
    // The text was not cut off but wrong: there is nothing to complete.
    return undefined;
  }
}

/** The end of the string, number or word at `pos`; undefined where the text ends before it does. */
function tokenEnd(text: string, pos: number): number | undefined {
  if (text.charAt(pos) === '"') {
    try {
      return skipString(text, pos);
    } catch {
      // Cut inside the string, or a bad escape: either way the string is not there.
      return undefined;
    }
  }
  const rest = /[^\s,:\]}]+/y;
  rest.lastIndex = pos;
  const token = rest.exec(text)?.[0] ?? text.charAt(pos);
  const end = pos + token.length;
  // More digits may follow a number that runs to the end of the text; a word is whole when it is one of the three.
  const isWord = token === 'true' || token === 'false' || token === 'null';
  return end === text.length && !isWord ? undefined : end;
}
