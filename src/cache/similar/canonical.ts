/**
 * The canonical form of a prompt: two prompts with the same key ask for the same answer. Folded is what carries no
 * meaning in an English request (characters that look alike, space, the courtesies around it, contractions, the
 * capitals and the final stop that convention puts there); everything else stays letter by letter. Prompts in other
 * languages, prompts about spelling and punctuation, and the material a prompt is given to work on are kept whole.
 */
import { foldCase } from './casing.ts';
import { expand } from './contractions.ts';
import { withoutGreeting, withoutThanks } from './courtesy.ts';
import { foldCharacters } from './unicode.ts';
import { MARK, separate } from './verbatim.ts';
import { isWord } from './vocabulary/vocabulary.ts';

/** Prompts longer than this (UTF-16 units) are folded only where that is cheap, and never matched by similarity. */
export const MAX_FOLDED_LENGTH = 4096;

export interface Token {
  /** What must be equal, punctuation included. */
  readonly text: string;
  /** The lower-case word inside, if a slip in it may be forgiven: no name, number, code or quoted text. */
  readonly plain: string | undefined;
}

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

const LATIN_WORD = /^\p{Script=Latin}+(?:[-']\p{Script=Latin}+)*$/u;
const NUMBER = /^[-+~<>=($€£¥]*\d[\d.,:/]*%?[)\],.;:!?]*$/;
const AFFIXED = /^([("[]*)(.*?)([)\]",.;:!?]*)$/su;
const SENTENCE_END = /[.!?]["')\]]*$/;
const ABBREVIATION = /^(?:\p{L}\.)+$|^(?:dr|mr|mrs|ms|prof|st|vs|etc|no|fig|approx|inc|ltd|jr|sr)\.$/iu;
const PLAIN_WORD = /^[a-z]+$/;

interface Raw {
  readonly before: string;
  readonly core: string;
  readonly after: string;
  readonly isWord: boolean;
}

/** Longer tokens are no words, and are not taken apart. */
const MAX_WORD_LENGTH = 64;

function split(token: string): Raw {
  if (token.length > MAX_WORD_LENGTH) return { before: '', core: token, after: '', isWord: false };
  const [, before = '', core = '', after = ''] = AFFIXED.exec(token) ?? [];
  return { before, core, after, isWord: LATIN_WORD.test(core) };
}

/** `U.S.` → `US`, `George W. Bush` → `George W Bush`: the stops of an acronym or an initial tell nothing. */
function withoutAcronymStops(raw: Raw, previous: Raw | undefined, next: Raw | undefined): Raw {
  if (/^(?:\p{Lu}\.)+\p{Lu}$/u.test(raw.core)) {
    return { ...raw, core: raw.core.replaceAll('.', ''), after: raw.after.replace(/^\./, ''), isWord: true };
  }
  const named = /^\p{Lu}/u.test(previous?.core ?? '') && /^\p{Lu}/u.test(next?.core ?? '');
  return named && raw.after === '.' && /^\p{Lu}$/u.test(raw.core) ? { ...raw, after: '' } : raw;
}

/** Whether most words are English ones we know: conventions of other languages differ (German capitals, French stops). */
function isEnglish(raws: readonly Raw[]): boolean {
  let known = 0;
  let all = 0;
  for (const raw of raws) {
    if (!/\p{L}/u.test(raw.core) || raw.core.includes(MARK)) continue;
    all++;
    if (
      raw.isWord &&
      raw.core
        .toLowerCase()
        .split(/[-']/)
        .every((part) => part.length < 2 || isWord(part))
    )
      known++;
  }
  return known >= 2 && known >= all * 0.6;
}

/** Takes the stops away that end a request, unless they may be signs: `5!` is a factorial, `Nf3!?` a judgement. */
function withoutFinalStop(text: string): string {
  let end = text.length;
  while (end > 0 && '.!?'.includes(text.charAt(end - 1))) end--;
  const stops = text.slice(end);
  const body = text.slice(0, end).trimEnd();
  if (body === '' || stops.includes('..')) return text;
  const last = body.slice(body.lastIndexOf(' ') + 1);
  if (/\d/.test(last) && /\p{L}/u.test(last) && stops !== '.') return text;
  if (/[\p{N})\]]$|(?:^|[^\p{L}])\p{L}$/u.test(last) && stops.includes('!')) return text;
  return body;
}

function besideI(previous: string | undefined, next: string | undefined): boolean {
  return (
    /^(?:am|can|could|did|do|had|have|if|may|might|must|shall|should|that|was|when|where|which|why|will|would|and|what|how|because|since|after|before|while|until|as|than|whom|who)$/i.test(
      previous ?? '',
    ) ||
    /^(?:am|can|can't|cannot|could|did|didn't|do|don't|had|have|haven't|know|like|may|might|must|need|should|shouldn't|think|use|used|want|was|wasn't|will|won't|work|would|get|got|live|run)$/i.test(
      next ?? '',
    )
  );
}

function readWords(request: string): Raw[] {
  const raws = request.split(' ').map(split);
  return raws.map((raw, at) => withoutAcronymStops(raw, raws[at - 1], raws[at + 1]));
}

function tokensOf(raws: readonly Raw[]): Token[] {
  const shouting =
    raws.filter((raw) => raw.isWord).length >= 4 && raws.every((raw) => raw.core === raw.core.toUpperCase());
  const tokens: Token[] = [];
  let sentenceStart = true;
  for (const [at, raw] of raws.entries()) {
    const previous = raws[at - 1];
    const next = raws[at + 1];
    const whole = raw.before + raw.core + raw.after;
    const startsHere = sentenceStart;
    sentenceStart = SENTENCE_END.test(whole) && !ABBREVIATION.test(raw.core + raw.after.slice(0, 1));
    if (!raw.isWord) {
      tokens.push({ text: whole, plain: undefined });
      continue;
    }
    if (startsHere && /^(?:please|kindly)$/i.test(raw.core) && raw.after === '' && next !== undefined) {
      sentenceStart = true;
      continue;
    }
    const afterNumber = previous !== undefined && NUMBER.test(previous.before + previous.core + previous.after);
    const beforeNumber = next !== undefined && NUMBER.test(next.before + next.core + next.after);
    const near = { sentenceStart: startsHere, shouting, afterNumber, besideNumber: afterNumber || beforeNumber };
    const folded =
      PLAIN_WORD.test(raw.core) && raw.core !== 'i'
        ? raw.core
        : /^i$/i.test(raw.core) && besideI(previous?.core, next?.core)
          ? 'i'
          : raw.core.replace(/\p{L}+/gu, (part, offset: number) =>
              foldCase(part, offset === 0 ? near : { ...near, sentenceStart: false }),
            );
    const name = !startsHere && !shouting && raw.core !== raw.core.toLowerCase();
    const words = expand(folded).split(' ');
    for (const [index, word] of words.entries()) {
      const text = (index === 0 ? raw.before : '') + word + (index === words.length - 1 ? raw.after : '');
      const plain = !name && words.length === 1 && PLAIN_WORD.test(word);
      tokens.push({ text, plain: plain ? word : undefined });
    }
  }
  return tokens;
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
  const end = endOfRequest(greeted.text);
  const head = greeted.text.slice(0, end);
  const rest = greeted.text.slice(end);
  const raws = head.trim().split(/\s+/).map(split);

  if (!isEnglish(raws)) {
    const single = trimmed.includes('\n') || /\S\t\S/.test(trimmed) ? trimmed : trimmed.replace(/\s+/g, ' ');
    return whole(restore(single.replace(/(?<=[^.\s])[.。]$/u, '')));
  }
  const payload = rest.includes('\n') ? rest : rest.trimStart().replace(/[^\S\t]+/g, ' ');
  if (ABOUT_WRITING.test(head) || /\S\t\S/.test(head))
    return whole(restore(head + (payload === '' ? '' : `\n${payload}`)));

  const spaced = head.trim().replace(/\s+/g, ' ');
  const request = payload === '' ? withoutFinalStop(withoutThanks(spaced)) : spaced;
  const tokens = tokensOf(readWords(request)).map(({ text, plain }) => ({ text: restore(text), plain }));
  const material = restore(payload);
  const key = `request ${tokens.map((token) => token.text).join(' ')}\n${material}`;
  return { key, tokens, payload: material, reading: 'request' };
}

/** The canonical key alone: prompts with equal keys may share an answer. */
export function normalise(prompt: string): string {
  return canonicalise(prompt).key;
}
