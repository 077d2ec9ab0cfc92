/** The words of an English request: which are folded, and which stay as they are. */
import { foldCase, type Surroundings } from './casing.ts';
import { expand } from './contractions.ts';

export interface Token {
  /** What must be equal, punctuation included. */
  readonly text: string;
  /** The lower-case word inside, if a slip in it may be forgiven: no name, number, code or quoted text. */
  readonly plain: string | undefined;
}

const LATIN_WORD = /^\p{Script=Latin}+(?:[-']\p{Script=Latin}+)*$/u;
const NUMBER = /^[-+~<>=($€£¥]*\d[\d.,:/]*%?[)\],.;:!?]*$/;
const AFFIXED = /^([("[]*)(.*?)([)\]",.;:!?]*)$/su;
const SENTENCE_END = /[.!?]["')\]]*$/;
const ABBREVIATION = /^(?:\p{L}\.)+$|^(?:dr|mr|mrs|ms|prof|st|vs|etc|no|fig|approx|inc|ltd|jr|sr)\.$/iu;
const PLAIN_WORD = /^[a-z]+$/;

export interface Raw {
  readonly before: string;
  readonly core: string;
  readonly after: string;
  readonly isWord: boolean;
}

/** Longer tokens are no words, and are not taken apart. */
const MAX_WORD_LENGTH = 64;

/** Takes the punctuation off a token. */
export function split(token: string): Raw {
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

function foldWord(word: string, near: Surroundings, previous: string | undefined, next: string | undefined): string {
  if (PLAIN_WORD.test(word) && word !== 'i') return word;
  // `I` is the pronoun beside its verb; elsewhere it may be a current, a numeral or a variable.
  if (/^i'/i.test(word) || (/^i$/i.test(word) && besideI(previous, next))) return word.toLowerCase();
  return word.replace(/\p{L}+/gu, (part, at: number) =>
    foldCase(part, at === 0 ? near : { ...near, sentenceStart: false }),
  );
}

function readWords(request: string): Raw[] {
  const raws = request.split(' ').map(split);
  return raws.map((raw, at) => withoutAcronymStops(raw, raws[at - 1], raws[at + 1]));
}

function isCapitalised(raw: Raw | undefined): boolean {
  return raw !== undefined && /^\p{Lu}\p{L}/u.test(raw.core);
}

/** The words of an English request (single spaces, verbatim stretches marked), folded. */
export function readTokens(request: string): Token[] {
  const raws = readWords(request);
  const shouting =
    raws.filter((raw) => raw.isWord).length >= 4 && raws.every((raw) => raw.core === raw.core.toUpperCase());
  const tokens: Token[] = [];
  let sentenceStart = true;
  let previousStarted = true;
  for (const [at, raw] of raws.entries()) {
    const previous = raws[at - 1];
    const next = raws[at + 1];
    const whole = raw.before + raw.core + raw.after;
    const startsHere = sentenceStart;
    const nameBefore = isCapitalised(previous) && !previousStarted;
    previousStarted = startsHere;
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
    const near = {
      sentenceStart: startsHere,
      shouting,
      afterNumber,
      besideCapital: nameBefore || isCapitalised(next),
      besideNumber: afterNumber || beforeNumber,
    };
    const folded = foldWord(raw.core, near, previous?.core, next?.core);
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
