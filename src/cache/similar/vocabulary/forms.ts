/**
 * English inflection and the few productive derivations, by rule (R. Quirk et al., "A Comprehensive Grammar of the
 * English Language", 1985, §3.5, §5.80, §7.79). Building too many forms is the safe side: a form that does not
 * exist only makes the matcher refuse.
 */

const VOWEL = /[aeiou]/;

/** `stop` → `stopp`: one vowel, one consonant at the end. */
function doubled(word: string): string | undefined {
  return /(?:^|[^aeiou])[aeiouy][^aeiouwxy]$/.test(word) ? word + word.slice(-1) : undefined;
}

function endsInConsonantY(word: string): boolean {
  return word.endsWith('y') && !VOWEL.test(word.charAt(word.length - 2));
}

/** The plural of a noun, which is also the third person of a verb. */
export function withS(word: string): string[] {
  if (endsInConsonantY(word)) return [`${word.slice(0, -1)}ies`];
  if (/(?:s|x|z|ch|sh)$/.test(word)) return [`${word}es`];
  return word.endsWith('o') ? [`${word}s`, `${word}es`] : [`${word}s`];
}

/** Verbs of several syllables with the stress on the last. */
const STRESSED_LAST =
  /^(?:admit|begin|combat|commit|compel|concur|confer|control|deter|defer|equip|excel|expel|forbid|forget|format|incur|infer|input|kidnap|occur|offset|omit|output|overlap|patrol|permit|prefer|program|propel|rebel|recur|refer|regret|repel|reset|rerun|submit|transfer|transmit|undercut|unwrap|unzip|upset|worship|zigzag)$/;

/** A word before a suffix that begins with a vowel: `bake` → `bak`, `stop` → `stopp` . */
function beforeVowel(word: string, suffix: string): string[] {
  if (word.endsWith('ie') && suffix.startsWith('i')) return [`${word.slice(0, -2)}y${suffix}`];
  if (word.endsWith('ee')) return [word + (suffix.startsWith('e') ? suffix.slice(1) : suffix)];
  if (word.endsWith('e')) return [word.slice(0, -1) + suffix];
  if (endsInConsonantY(word) && !suffix.startsWith('i')) return [`${word.slice(0, -1)}i${suffix}`];
  const stem = doubled(word);
  const oneSyllable = !/[aeiouy][^aeiouy]+[aeiouy]/.test(word);
  if (stem === undefined) return [word + suffix];
  if (oneSyllable || STRESSED_LAST.test(word)) return [stem + suffix];
  // British spelling doubles an l in any case (travelled).
  return word.endsWith('l') ? [stem + suffix, word + suffix] : [word + suffix];
}

function withLy(word: string): string[] {
  if (word.endsWith('ic')) return [`${word}ally`];
  if (/[^aeiou]le$/.test(word)) return [`${word.slice(0, -1)}y`];
  if (endsInConsonantY(word)) return [`${word.slice(0, -1)}ily`];
  return [`${word}ly`];
}

/** Nouns made of a verb: `generate` → `generation`, `normalize` → `normalization`, `connect` → `connection`. */
function actionNouns(verb: string): string[] {
  if (verb.endsWith('ate')) return ['ion', 'ions', 'or', 'ors', 'ive'].map((suffix) => verb.slice(0, -1) + suffix);
  if (verb.endsWith('ize') || verb.endsWith('ise')) return [`${verb.slice(0, -1)}ation`, `${verb.slice(0, -1)}ations`];
  if (verb.endsWith('ify')) return [`${verb.slice(0, -1)}ication`, `${verb.slice(0, -1)}ications`];
  if (/(?:[cp]t|ss)$/.test(verb)) return ['ion', 'ions', 'or', 'ors', 'ive'].map((suffix) => verb + suffix);
  return [];
}

/** Every form of a verb: `bake` → bakes, baked, baking, baker, bakers, bakeable … */
export function verbForms(verb: string): string[] {
  return [
    verb,
    ...withS(verb),
    ...beforeVowel(verb, 'ed'),
    ...beforeVowel(verb, 'ing'),
    ...beforeVowel(verb, 'er').flatMap((agent) => [agent, `${agent}s`]),
    ...beforeVowel(verb, 'able'),
    ...actionNouns(verb),
  ];
}

export function nounForms(noun: string): string[] {
  return [noun, ...withS(noun)];
}

/** `simple` → simpler, simplest, simply, simplicity is irregular and listed; `stable` → stability. */
export function adjectiveForms(adjective: string): string[] {
  const ness = endsInConsonantY(adjective) ? `${adjective.slice(0, -1)}iness` : `${adjective}ness`;
  const forms = [
    adjective,
    ...beforeVowel(adjective, 'er'),
    ...beforeVowel(adjective, 'est'),
    ...withLy(adjective),
    ness,
  ];
  if (/(?:able|ible)$/.test(adjective)) forms.push(`${adjective.slice(0, -2)}ility`);
  if (/(?:al|ive|ic|ous|ar|id)$/.test(adjective)) forms.push(`${adjective.replace(/e$/, '')}ity`);
  if (/[ae]nt$/.test(adjective)) forms.push(`${adjective.slice(0, -1)}ce`, `${adjective.slice(0, -1)}cy`);
  return forms;
}
