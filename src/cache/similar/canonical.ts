/**
 * The canonical form of a prompt: two prompts with the same key ask for the same answer. Folded is what carries no
 * meaning in an English request (characters that look alike, space, the courtesies around it, contractions, the
 * capitals and the final stop that convention puts there); everything else stays letter by letter. Prompts in other
 * languages, prompts about spelling and punctuation, and the material a prompt is given to work on are kept whole.
 */
import { withoutGreeting, withoutThanks } from './courtesy.ts';
import { readTokens, split, type Raw, type Token } from './tokens.ts';
import { foldCharacters } from './unicode.ts';
import { MARK, separate } from './verbatim.ts';
import { isWord } from './vocabulary/vocabulary.ts';

/** Prompts longer than this (UTF-16 units) are folded only where that is cheap, and never matched by similarity. */
export const MAX_FOLDED_LENGTH = 4096;

export interface Canonical {
  /** Equal keys: one answer may serve both prompts. */
  readonly key: string;
  /** The words of the request; empty for a prompt that is kept whole. */
  readonly tokens: readonly Token[];
  /** What follows the request (after a colon or a line's end), kept as it is. */
  readonly payload: string;
  /** How the prompt was read: as an English request, or as text that counts letter by letter. */
  readonly reading: 'request' | 'whole';
}

/** Requests about how something is written, in which no letter, capital or comma is beside the point. */
const ABOUT_WRITING =
  /\b(?:spell(?:s|ed|ing|ings|t)?|misspell\w*|typos?|punctuat\w*|grammar|grammatical\w*|capitali[sz]\w*|upper-?case|lower-?case|casing|commas?|apostrophes?|hyphen\w*|colons?|semicolons?|full stop|proofread\w*|white-?space\w*|spaces|indent\w*|palindrome\w*|anagram\w*|vowels?|consonants?|syllables?|homophones?|homonyms?|contractions?|characters?|letters|ascii|unicode|verbatim|base64|md5|sha-?\d+|checksum)\b/i;

/** Whether most words are English ones we know: conventions of other languages differ (German capitals, French stops). */
function isEnglish(raws: readonly Raw[]): boolean {
  let known = 0;
  let all = 0;
  for (const { core, isWord: wordlike } of raws) {
    if (!wordlike && (!/\p{L}/u.test(core) || core.includes(MARK))) continue;
    all++;
    const lower = core.toLowerCase();
    if (isWord(lower) || (wordlike && lower.split(/[-']/).every((part) => part.length < 2 || isWord(part)))) known++;
  }
  return known >= 2 && known >= all * 0.6;
}

/** Requests whose material may be laid out by spaces. */
const ABOUT_LAYOUT =
  /\b(?:(?:re)?format\w*|align\w*|pars(?:e|es|ing)|csv|tsv|tables?|columns?|code|regex|pattern|match\w*|split\w*|trim\w*|strings?|lines?|fields?|count\w*|width)\b/i;

const WORKS_ON_WORDS = /\b(?:translat\w*|rephras\w*|paraphras\w*|rewrit\w*|reword\w*|classif\w*|sentiment)\b/i;

/** Takes the stops away that end a request, unless they may be signs: `5!` is a factorial, `Nf3!?` a judgement. */
function withoutFinalStop(text: string): string {
  let end = text.length;
  while (end > 0 && '.!?'.includes(text.charAt(end - 1))) end--;
  const stops = text.slice(end);
  const body = text.slice(0, end).trimEnd();
  if (body === '' || stops.includes('..')) return text;
  // What is to be translated or judged may be the request's own last words.
  if (stops !== '.' && WORKS_ON_WORDS.test(text)) return text;
  const last = body.slice(body.lastIndexOf(' ') + 1);
  if (/\d/.test(last) && /\p{L}/u.test(last) && stops !== '.') return text;
  if (/[\p{N})\]]$|(?:^|[^\p{L}])\p{L}$/u.test(last) && stops.includes('!')) return text;
  return body;
}

function whole(text: string): Canonical {
  return { key: `whole ${text}`, tokens: [], payload: '', reading: 'whole' };
}

/** Where a request ends and what it is about begins: at the first colon or line's end. */
function endOfRequest(text: string): number {
  const line = text.indexOf('\n');
  const colon = /:\s/.exec(text);
  if (colon === null) return line === -1 ? text.length : line;
  return line === -1 ? colon.index + 1 : Math.min(line, colon.index + 1);
}

/** Brings a prompt into its canonical form. Pure; linear in the prompt up to MAX_FOLDED_LENGTH, and trivial beyond. */
export function canonicalise(prompt: string): Canonical {
  if (prompt.length > MAX_FOLDED_LENGTH) return whole(foldCharacters(prompt).replace(/\r\n?/g, '\n').trim());
  const separated = separate(prompt);
  if (separated === undefined) return whole(prompt);
  let placed = 0;
  const restore = (text: string): string => text.replaceAll(MARK, () => separated.verbatim[placed++] ?? '');

  const lines = separated.prose
    .replace(/\r\n?/g, '\n')
    .trimEnd()
    .replace(/^(?:[^\S\n]*\n)+/, '');
  const trimmed = lines.includes('\n') ? lines.replace(/[^\S\n]+$/gm, '') : lines.trimStart();
  const greeted = withoutGreeting(trimmed);
  const end = endOfRequest(greeted);
  const head = greeted.slice(0, end);
  const rest = greeted.slice(end);
  const raws = head.trim().split(/\s+/).map(split);

  if (!isEnglish(raws)) {
    const single = trimmed.includes('\n') || /\S\t\S/.test(trimmed) ? trimmed : trimmed.replace(/\s+/g, ' ');
    return whole(restore(single.replace(/(?<=[^.\s])[.。]$/u, '')));
  }
  const payload = rest.includes('\n') || ABOUT_LAYOUT.test(head) ? rest : rest.trimStart().replace(/[^\S\t]+/g, ' ');
  if (ABOUT_WRITING.test(head) || /\S\t\S/.test(head))
    return whole(restore(head + (payload === '' ? '' : `\n${payload}`)));

  const spaced = head.trim().replace(/\s+/g, ' ');
  const request = payload === '' ? withoutFinalStop(withoutThanks(spaced)) : spaced;
  const tokens = readTokens(request).map(({ text, plain }) => ({ text: restore(text), plain }));
  const material = restore(payload);
  const key = `request ${tokens.map((token) => token.text).join(' ')}\n${material}`;
  return { key, tokens, payload: material, reading: 'request' };
}

/** The canonical key alone: prompts with equal keys may share an answer. */
export function normalise(prompt: string): string {
  return canonicalise(prompt).key;
}
