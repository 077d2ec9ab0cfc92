/**
 * `don't` → `do not`, apostrophe or not, and `an` → `a`. Only where one reading is possible: `he'd` (had, would), `Bob's` (is, has, of Bob) and `let's`
 * stay as they are.
 */

const IRREGULAR: Readonly<Record<string, string>> = {
  "can't": 'can not',
  cannot: 'can not',
  "won't": 'will not',
  "shan't": 'shall not',
  whats: 'what is',
  thats: 'that is',
  wheres: 'where is',
  hows: 'how is',
  theres: 'there is',
  im: 'i am',
  ive: 'i have',
  youre: 'you are',
  youve: 'you have',
  theyre: 'they are',
  theyve: 'they have',
  // The article follows the sound of the next word and says nothing of its own.
  an: 'a',
};
const NEGATED = /^(do|does|did|is|are|was|were|has|have|had|would|could|should|must|need|might)n(?:'t)$/;
/** Without the apostrophe, as far as no other word is spelled so (`cant`, `wont`, `shant` stay). */
const NEGATED_BARE = /^(do|does|did|is|are|was|were|has|have|had|would|could|should|must)nt$/;
const PRONOUN_IS = /^(it|he|she|that|there|here|what|who|where|when|how|why)'s$/;
const ENDINGS: readonly (readonly [RegExp, string])[] = [
  [/^(i)'m$/, '$1 am'],
  [/^(we|you|they|who|what|there)'re$/, '$1 are'],
  [/^(i|we|you|they|who|would|could|should|might|must)'ve$/, '$1 have'],
  [/^(i|we|you|he|she|it|they|that|there|who|what)'ll$/, '$1 will'],
];

/** The words of a lower-case word, if it is a contraction; otherwise the word. */
export function expand(word: string): string {
  const known = Object.hasOwn(IRREGULAR, word) ? IRREGULAR[word] : undefined;
  if (known !== undefined) return known;
  const bare = !word.includes("'");
  if (bare && !word.endsWith('nt')) return word;
  const negated = (bare ? NEGATED_BARE : NEGATED).exec(word);
  if (negated !== null) return `${negated[1]} not`;
  if (bare) return word;
  const subject = PRONOUN_IS.exec(word);
  if (subject !== null) return `${subject[1]} is`;
  for (const [pattern, replacement] of ENDINGS) {
    if (pattern.test(word)) return word.replace(pattern, replacement);
  }
  return word;
}
