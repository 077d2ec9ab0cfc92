import { adjectiveForms, nounForms, verbForms } from './forms.ts';
import { LOOK_ALIKES } from './look-alikes.ts';
import { ADJECTIVES, FIXED_WORDS, PROPER_WORDS } from './modifiers.ts';
import { NOUNS } from './nouns.ts';
import { IRREGULAR_FORMS, VERBS } from './verbs.ts';

const PREFIXES =
  /^(?:anti|auto|co|counter|de|dis|fore|hyper|il|im|in|inter|ir|macro|micro|mid|mis|mono|multi|non|out|over|poly|post|pre|pro|re|semi|sub|super|tele|trans|ultra|un|under|uni|up)/;
const SUFFIXES =
  /(?:able|age|al|an|ance|ant|ary|ate|d|dom|ed|en|ence|ent|er|ers|ery|es|est|ful|hood|ian|ible|ic|ical|ie|ier|ify|ing|ion|ish|ism|ist|ite|ity|ive|ize|less|let|like|ly|man|men|ment|ness|or|ory|ous|r|s|ship|some|ward|wards|ware|wise|y)$/;

function words(list: string): string[] {
  return list.split(/\s+/).filter((word) => word !== '');
}

/** About 30,000 forms, 2 MB. Built when first asked for (30 ms), so that nobody pays who compares no prompts. */
let forms: Set<string> | undefined;

function vocabulary(): Set<string> {
  forms ??= new Set([
    ...words(VERBS).flatMap(verbForms),
    ...words(NOUNS).flatMap(nounForms),
    ...words(ADJECTIVES).flatMap(adjectiveForms),
    ...words(LOOK_ALIKES).flatMap(nounForms),
    ...words(LOOK_ALIKES).flatMap(verbForms),
    ...words(FIXED_WORDS),
    ...words(PROPER_WORDS),
    ...words(IRREGULAR_FORMS),
  ]);
  return forms;
}

let bases: Set<string> | undefined;

/** The listed words alone, without names and rarities: what compounds begin with. */
function baseWords(): Set<string> {
  bases ??= new Set([VERBS, NOUNS, ADJECTIVES, FIXED_WORDS].flatMap(words));
  return bases;
}

let proper: Set<string> | undefined;

/** Whether a lower-case word is an everyday one that is written small: with a capital, it may be a name (`Rice`). */
export function isCommonWord(word: string): boolean {
  proper ??= new Set(words(PROPER_WORDS));
  return !proper.has(word) && isWord(word) && (baseWords().has(word) || !lookAlikes().has(word));
}

let alikes: Set<string> | undefined;

function lookAlikes(): Set<string> {
  alikes ??= new Set(words(LOOK_ALIKES));
  return alikes;
}

/** Builds the vocabulary now rather than within the first request. */
export function prepareVocabulary(): void {
  vocabulary();
}

/** Whether a lower-case word is one we know to be English: a listed word, or a regular form of one. */
export function isWord(word: string): boolean {
  return vocabulary().has(word);
}

/** Whether a lower-case word is surely an English one: known, or a known one of some length behind a common prefix. */
export function isSurelyWord(word: string): boolean {
  return isWord(word) || (/^(?:un|re|dis|mis|over|under|pre)\w{5}/.test(word) && isWord(word.replace(PREFIXES, '')));
}

function isWordOrPrefixed(word: string): boolean {
  if (isWord(word)) return true;
  const prefix = PREFIXES.exec(word)?.[0];
  return prefix !== undefined && word.length - prefix.length >= 3 && isWord(word.slice(prefix.length));
}

/**
 * Whether a lower-case string may be a word that we do not list: known parts with a prefix, a suffix, or compounded.
 * Wrongly saying yes only costs a hit; wrongly saying no could serve the answer to another question.
 */
export function mayBeWord(word: string): boolean {
  // No English word has a letter three times in a row.
  if (/(.)\1\1/.test(word)) return false;
  if (isWordOrPrefixed(word)) return true;
  const suffix = SUFFIXES.exec(word)?.[0];
  if (suffix !== undefined && word.length - suffix.length >= 3) {
    const stem = word.slice(0, -suffix.length);
    // `begining` is `beginning` mistyped, not `begin` with an ending.
    if (isWord(stem + stem.slice(-1) + suffix) && !isWord(`${stem}e`)) return false;
    if (isWordOrPrefixed(stem) || (/^[aeiouy]/.test(suffix) && isWordOrPrefixed(`${stem}e`))) return true;
  }
  for (let cut = 4; cut <= word.length - 4; cut++) {
    if (baseWords().has(word.slice(0, cut)) && isWord(word.slice(cut))) return true;
  }
  return false;
}
