/**
 * Where a capital tells nothing, and where it tells everything: `Polish` and `polish`, `US` and `us`, `Co` and `CO`.
 * A word is folded to lower case only when its capitals are those of a sentence's beginning, of a name with no
 * common word beside it, or of a prompt written in capitals throughout.
 */
import { isCommonWord, isWord } from './vocabulary/vocabulary.ts';

/** Words whose capital makes another word of them: peoples, places, persons, companies, products, heavenly bodies. */
const CAPITONYMS = new Set(
  `access ada adobe alphabet amazon amber angular apple april august aurora bard bash basic bath bill block bolt box brave bush carol catholic chad champagne chase chef chile china chrome cloud cobra cologne consul cork cosmos cricket crystal cuba dart dash dean delta democrat democratic
  discord discover django docker dove earl earth eclipse edge elastic elm excel express faith fiat finder firefox flash flask flow ford fountain frank frankfurter french gap gemini gene general georgia go god gore grace grant green guinea hamburger hamlet harry haven heather helm herb hive hope hull hunter
  indian iris ivy jack jade jaguar java jean jersey jet job joint jordan joy jude jumbo june jupiter kafka keynote king kit lance lent liberal lima lily limerick lisp live lotus lynx madras magi mali march mark mars mass match max may maya mercury meta miles mint mobile mocha moon mosaic moses mustang navy nest nice
  nick node noel notion nomad norm numbers oak october office opera oracle orange orthodox outlook page pages panda pandas pascal pat peg perl phoenix pig pink pixel plasma polish pole poles prince progressive prudential puma puppet python queen rails ray react reading redshift reformation republican ring rob rod romance rose
  ruby rust safari salt sandy saturn scala scheme scotch scratch seal serum shell signal slack snap solid sonic south spark spring sprint square stripe subway sue sun surface swan swede swift target teams telegram tempo titan titanic tours trinity triumph turkey turk twitter uber unity vault venus
  victor viking vine violet virgin visa vista vue wade wales warren welsh west windows word worker zoom`.split(/\s+/),
);

/** Names spelled with capitals inside that nobody else bears: people write them as they like. */
const BRANDS = new Set(
  'airbnb bigquery chatgpt devops ebay facebook fastapi github gitlab graphql html icloud ipad iphone javascript jquery latex linkedin macbook macos mariadb mongodb mysql nosql openai paypal postgresql powerpoint powershell pytorch tensorflow tiktok typescript whatsapp wifi wordpress youtube'.split(
    ' ',
  ),
);

/** Capitonyms that begin sentences in their plain sense. */
const PLAIN_STARTERS = new Set('access discover go mark may match one will'.split(' '));

/** Small words that are acronyms in capitals; in a prompt written in capitals throughout they are the small words. */
const SMALL_WORDS = new Set(
  'a all am an and any are as at be but by can did do does for from had has have he her him his how i if in is it its may me my no not now of off on or our out own she should so than that the their them then there these they this to too up us was we were what when where which who whom whose why will with would you your'.split(
    ' ',
  ),
);

/** Units of few letters that mean the same in any case (`MW` and `mW` do not). */
const CASELESS_UNITS = new Set('am bc cm eur ft gbp inr jpy kg km kmh lb lbs mph oz pm rpm usd yd'.split(' '));

export interface Surroundings {
  readonly sentenceStart: boolean;
  /** The prompt has no small letter at all. */
  readonly shouting: boolean;
  /** The word follows a number, so that it may be its unit. */
  readonly afterNumber: boolean;
  /** A word beside it bears a capital too: together they are a name of several words, or a title. */
  readonly besideCapital: boolean;
  /** A number stands beside the word: `1 MARCH`, `march 2024`. */
  readonly besideNumber: boolean;
}

function isCapitonym(lower: string): boolean {
  return CAPITONYMS.has(lower) || (lower.endsWith('s') && CAPITONYMS.has(lower.slice(0, -1)));
}

function isMonth(lower: string): boolean {
  return lower === 'march' || lower === 'may' || lower === 'june' || lower === 'april' || lower === 'august';
}

function foldCapitals(word: string, lower: string, near: Surroundings): string {
  if (near.shouting) {
    if (SMALL_WORDS.has(lower)) return lower;
    if (isCapitonym(lower) || word.length <= 2) return word;
    return lower;
  }
  return word.length <= 2 || isWord(lower) || isCapitonym(lower) ? word : lower;
}

function foldInitial(word: string, lower: string, near: Surroundings): string {
  if (near.sentenceStart && (PLAIN_STARTERS.has(lower) || SMALL_WORDS.has(lower))) return lower;
  if (isCapitonym(lower)) return word;
  if (near.sentenceStart) return lower;
  // A common word with a capital of its own may be a name: Mr Rice, Mrs Cook.
  return word.length <= 2 || (isCommonWord(lower) && !near.besideCapital) ? word : lower;
}

/** One word, letters only, with the capitals that tell nothing made small. */
export function foldCase(word: string, near: Surroundings): string {
  const lower = word.toLowerCase();
  if (word === lower || (near.besideNumber && isMonth(lower))) return lower;
  if (near.afterNumber && word.length <= 4 && !CASELESS_UNITS.has(lower) && !isWord(lower)) return word;
  if (word.length === 1) return lower === 'a' && (near.sentenceStart || near.shouting) ? lower : word;
  if (word === word.toUpperCase()) return foldCapitals(word, lower, near);
  if (word.slice(1) === lower.slice(1)) return foldInitial(word, lower, near);
  return BRANDS.has(lower) ? lower : word;
}
