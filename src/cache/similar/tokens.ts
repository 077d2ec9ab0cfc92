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

interface Place {
  readonly sentenceStart: boolean;
  readonly shouting: boolean;
  /** The word before bears a capital that is not a sentence's. */
  readonly nameBefore: boolean;
}

function isCapitalised(raw: Raw | undefined): boolean {
  return raw !== undefined && /^\p{Lu}\p{L}/u.test(raw.core);
}

function isNumber(raw: Raw | undefined): boolean {
  return raw !== undefined && NUMBER.test(raw.before + raw.core + raw.after);
}

function foldWord(raws: readonly Raw[], at: number, place: Place): string {
  const word = raws[at]?.core ?? '';
  const previous = raws[at - 1];
  const next = raws[at + 1];
  // `I` is the pronoun beside its verb; elsewhere it may be a current, a numeral or a variable.
  if (/^i'/i.test(word) || (/^i$/i.test(word) && besideI(previous?.core, next?.core))) return word.toLowerCase();
  const afterNumber = isNumber(previous);
  const near: Surroundings = {
    sentenceStart: place.sentenceStart,
    shouting: place.shouting,
    afterNumber,
    besideNumber: afterNumber || isNumber(next),
    besideCapital: place.nameBefore || isCapitalised(next),
  };
  return word.replace(/\p{L}+/gu, (part, offset: number) =>
    foldCase(part, offset === 0 ? near : { ...near, sentenceStart: false }),
  );
}

function readWords(request: string): Raw[] {
  const raws = request.split(' ').map(split);
  return raws.map((raw, at) => withoutAcronymStops(raw, raws[at - 1], raws[at + 1]));
}

/** The words of an English request (single spaces, verbatim stretches marked), folded. */
export function readTokens(request: string): Token[] {
  const raws = readWords(request);
  const shouting =
    raws.filter((raw) => raw.isWord).length >= 4 && raws.every((raw) => raw.core === raw.core.toUpperCase());
  const tokens: Token[] = [];
  let startsNext = true;
  let nameBefore = false;
  for (const [at, raw] of raws.entries()) {
    const { before, core, after } = raw;
    const place: Place = { sentenceStart: startsNext, shouting, nameBefore };
    nameBefore = !place.sentenceStart && isCapitalised(raw);
    startsNext = SENTENCE_END.test(after) && !ABBREVIATION.test(core + after.slice(0, 1));
    if (!raw.isWord) {
      startsNext ||= SENTENCE_END.test(core);
      tokens.push({ text: before + core + after, plain: undefined });
      continue;
    }
    if (place.sentenceStart && after === '' && at + 1 < raws.length && /^(?:please|kindly)$/i.test(core)) {
      startsNext = true;
      continue;
    }
    const small = PLAIN_WORD.test(core);
    const words = expand(small && core !== 'i' ? core : foldWord(raws, at, place)).split(' ');
    const name = !small && !place.sentenceStart && !shouting;
    for (const [index, word] of words.entries()) {
      const text = (index === 0 ? before : '') + word + (index === words.length - 1 ? after : '');
      const plain = !name && words.length === 1 && (small || PLAIN_WORD.test(word));
      tokens.push({ text, plain: plain ? word : undefined });
    }
  }
  return tokens;
}
