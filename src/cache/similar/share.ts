/** Whether the answer to one prompt may be served for another. When in doubt: no. */
import { canonicalise, type Canonical } from './canonical.ts';
import { isOneWord } from './slip.ts';

export interface Sharing {
  readonly share: boolean;
  /** 1 minus the share of characters that would have to be edited; 0 where the prompts were not comparable. */
  readonly score: number;
  /** What decided, for logs and for people; never holds a prompt's text. */
  readonly why: string;
}

/** Words next to which stands a name or a word spoken about: there, a slip could be another name. */
const NAMING =
  /^(?:called|named|name|names|word|words|term|terms|mean|means|meaning|define|defines|definition|spelling|pronounce|pronounced|translate|verb|noun|adjective|brand|drug|medication|function|method|class|variable|constant|command|package|library|module|file|folder|directory|branch|repo|repository|flag|option|parameter|argument|table|column|field|property|attribute|header|key|tag|user|username|host|domain|namespace|label|keyword|identifier|plugin|alias|mr|mrs|ms|dr|prof)$/;

/** More than this is no longer a prompt typed once more. */
const MAX_SLIPS = 2;

function refused(why: string): Sharing {
  return { share: false, score: 0, why };
}

function isNaming(canonical: Canonical, at: number): boolean {
  return NAMING.test(canonical.tokens[at]?.plain ?? '');
}

function holds(canonical: Canonical, word: string): boolean {
  return canonical.tokens.some((token) => token.plain === word);
}

/** As `mayShare`, for prompts whose canonical forms are at hand. */
export function mayShareCanonical(a: Canonical, b: Canonical, minSimilarity: number): Sharing {
  if (a.key === b.key) return { share: true, score: 1, why: 'equal after normalisation' };
  if (a.reading === 'whole' || b.reading === 'whole') return refused('kept letter by letter');
  if (a.payload !== b.payload) return refused('the material differs');
  if (a.tokens.length !== b.tokens.length) return refused('words added or left out');
  let slips = 0;
  for (const [at, token] of a.tokens.entries()) {
    const other = b.tokens[at];
    if (other === undefined || other.text === token.text) continue;
    if (token.plain === undefined || other.plain === undefined) return refused('a name, number, sign or code differs');
    if (token.text.replace(token.plain, '') !== other.text.replace(other.plain, ''))
      return refused('punctuation differs');
    if (++slips > MAX_SLIPS) return refused('too many words differ');
    if (!isOneWord(token.plain, other.plain)) return refused('a word differs');
    if (holds(a, other.plain) || holds(b, token.plain)) return refused('both spellings occur in one prompt');
    if (isNaming(a, at - 1) || isNaming(a, at + 1)) return refused('the word may be a name');
  }
  // A swap counts as one edit, as in the Damerau-Levenshtein distance.
  const score = 1 - slips / Math.max(a.key.length, b.key.length);
  return score >= minSimilarity
    ? { share: true, score, why: 'mistyped words only' }
    : { share: false, score, why: 'below the minimum similarity' };
}

/**
 * Whether the answer to one prompt may be served for the other: equal after normalisation, or equal but for at most
 * two mistyped words and at least `minSimilarity` (0 to 1) alike.
 */
export function mayShare(a: string, b: string, minSimilarity = 0.9): Sharing {
  return mayShareCanonical(canonicalise(a), canonicalise(b), minSimilarity);
}
