/**
 * Slips of the hand: whether one word is the other one mistyped. Two rules keep other words out.
 *
 * Only the slips that seldom make one word of another are forgiven: two neighbouring letters swapped, an inner letter
 * left out, a letter typed twice. The first letter stands, and the next one where the rest could not be spoken:
 * programs are named that way (`umask`, `pprint`); a final `ee` or `ss` is another word (`licensee`). A letter replaced by another, or added, is how most English words that differ by one
 * letter differ (house/horse, ingest/invest), and is never forgiven.
 *
 * And the right spelling must be a word we know, the other one none that could be a word: two words are two meanings,
 * and of two strings that we do not know (names, drugs, other languages) nobody can say which is the mistake.
 */
import { isSurelyWord, isWord, mayBeWord } from './vocabulary/vocabulary.ts';

/** Shorter words have too many neighbours. */
const MIN_LENGTH = 5;

/** Words whose meaning must be beyond doubt, mistyped or not: numbers, negations, quantities, directions. */
const UNFORGIVING =
  /^(?:zero|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen\w*|twent\w+|thirt\w+|fort(?:y|ieth)|fift\w+|sixt\w+|sevent\w+|eight\w+|ninet\w+|hundred\w*|thousand\w*|\w*illion\w*|first|second|third|fourth|fifth|sixth|ninth|tenth|half|quarter\w*|never|neither|without|within|except|unless|before|after|above|below|under|least|fewer|none|nobody|nothing|every|either)$/;

/** Whether `typed` is `word` with two neighbouring letters swapped, an inner letter left out, or one typed twice. */
export function isSlipOf(word: string, typed: string): boolean {
  const longer = typed.length - word.length;
  if (Math.abs(longer) > 1 || word === typed) return false;
  let at = 0;
  while (at < word.length && word[at] === typed[at]) at++;
  if (at === 0) return false;
  if (longer === 0) {
    return word[at] === typed[at + 1] && word[at + 1] === typed[at] && word.slice(at + 2) === typed.slice(at + 2);
  }
  if (longer === -1) {
    const sayable = at > 1 || /^[^aeiou][aeiou]/.test(typed);
    return sayable && at < word.length - 1 && word.slice(at + 1) === typed.slice(at);
  }
  const ending = at === typed.length - 1 && /(?:ee|ss)$/.test(typed);
  return at > 1 && !ending && typed[at] === typed[at - 1] && word.slice(at) === typed.slice(at + 1);
}

/** Whether two words are at most one insertion, deletion, replacement or swap apart. */
function areClose(one: string, other: string): boolean {
  const [short, long] = one.length <= other.length ? [one, other] : [other, one];
  if (long.length - short.length > 1) return false;
  let at = 0;
  while (at < short.length && short[at] === long[at]) at++;
  if (short.length !== long.length) return short.slice(at) === long.slice(at + 1);
  if (short.slice(at + 1) === long.slice(at + 1)) return true;
  return short[at] === long[at + 1] && short[at + 1] === long[at] && short.slice(at + 2) === long.slice(at + 2);
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz'.split('');

/** Whether `typed` may as well be a slip of another word that is close to `word`: `contet` of content, context, contest. */
function isAmbiguous(word: string, typed: string): boolean {
  const mayMean = (other: string): boolean => other !== word && isWord(other) && areClose(word, other);
  for (let at = 1; at <= typed.length; at++) {
    const before = typed.slice(0, at);
    if (LETTERS.some((letter) => mayMean(before + letter + typed.slice(at)))) return true;
    if (typed[at] === typed[at - 1] && mayMean(before + typed.slice(at + 1))) return true;
    if (mayMean(typed.slice(0, at - 1) + typed.charAt(at) + typed.charAt(at - 1) + typed.slice(at + 1))) return true;
  }
  return false;
}

function isMistyped(word: string, typed: string): boolean {
  return (
    isSlipOf(word, typed) &&
    isSurelyWord(word) &&
    !UNFORGIVING.test(word) &&
    !mayBeWord(typed) &&
    !isAmbiguous(word, typed)
  );
}

const BRITISH: readonly (readonly [RegExp, string])[] = [
  [
    /^((?:dis|un|multi|mis)?(?:arm|behavi|col|endeav|fav|flav|harb|hum|neighb|od|parl|rum|sav|splend|vap|vig))our/,
    '$1or',
  ],
  [/^(cent|theat|fib|lit|somb|spect|calib|saltpet)re(s?)$/, '$1er$2'],
  [/(anal|paral|catal|electrol)ys(e|es|ed|er|ers|ing)$/, '$1yz$2'],
  [/^(.{4,}i)s(e|es|ed|er|ers|ing|ation|ations)$/, '$1z$2'],
  [
    /^((?:cance|counse|labe|trave|mode|signa|fue|leve|tota|channe|tunne|quarre|marve)l)l(ed|er|ers|ing|or|ors)$/,
    '$1$2',
  ],
  [/^(def|off)ence(s?)$/, '$1ense$2'],
  [/^alumini(um)$/, 'alumin$1'],
  [/^grey(s|er|ish)?$/, 'gray$1'],
  [/^mould(s|y)?$/, 'mold$1'],
];

/** The American spelling of a British one; other words as they are. */
function american(word: string): string {
  for (const [pattern, replacement] of BRITISH) {
    const spelled = word.replace(pattern, replacement);
    if (spelled !== word && isWord(spelled)) return spelled;
  }
  return word;
}

/** Whether two lower-case words (letters a to z) are one word: mistyped on one side, or in British and American spelling. */
export function isOneWord(one: string, other: string): boolean {
  if (american(one) === american(other)) return true;
  if (Math.min(one.length, other.length) < MIN_LENGTH) return false;
  return isMistyped(one, other) || isMistyped(other, one);
}
