/**
 * The guards for prompts that an embedding finds alike. An embedding hears the subject of a prompt and is deaf to what
 * is asked of it (`enable` and `disable` are neighbours), so its similarity opens no door here; it only closes some.
 * Two prompts pass when they put the same words in the same order, apart from how the question is phrased, from
 * articles, and from synonyms that are interchangeable in any request.
 */
import type { Canonical } from './canonical.ts';

/** Ways to open a request, longest first within a kind; each kind asks for the same. */
const FRAMES: readonly (readonly [RegExp, string])[] = [
  [/^(?:(?:can|could|would|will) you |i (?:want|need|would like) you to )/, ''],
  [/^(?:i (?:want|need|would like) to know|do you know|tell me|let me know) (?=how|what|why|when|where|who|which)/, ''],
  [
    /^(?:how (?:do|can|could) (?:i|one) |how to |how does one |(?:tell|show|teach) me how to |explain how to |explain to me how to |what are (?:some )?(?:good )?ways to |what is (?:a|the) (?:good )?way to |in what way can (?:i|one) )/,
    'how-to ',
  ],
  [
    /^(?:what (?:is|are) (?:the )?(?:meaning|definition) of |define |what does (?=\S+ mean$)|give (?:me )?(?:a|the) definition of )/,
    'define ',
  ],
  [/^(?:explain(?: to me)?|describe(?: to me)?|tell me about|give (?:me )?a explanation of) /, 'explain '],
  [/^(?:list|name|give me|tell me|show me) (?:some |a list of )/, 'list '],
];

/** Words of one line may stand for each other wherever an answer is asked for. */
const SYNONYMS = `
purchase buy
begin start commence
big large
fast quick
quickly fast
automobile car
cellphone smartphone
photo picture photograph
job occupation
film movie
error mistake
repair fix
select choose pick
assist help
obtain get acquire
reply answer respond
speak talk
gain earn
pupil student
physician doctor
attorney lawyer
infant baby
simple easy
difficult hard
methods ways
advantages benefits pros
disadvantages drawbacks cons
differences difference
summarise summarize
`;

const CANONICAL_WORD = new Map(
  SYNONYMS.trim()
    .split('\n')
    .flatMap((line) => {
      const words = line.split(' ');
      return words.map((word) => [word, words[0] ?? word] as const);
    }),
);

const ARTICLES = new Set(['a', 'the']);

/** The request in words that must be equal. */
function wordsOf(canonical: Canonical): string {
  let text = canonical.tokens.map((token) => token.text).join(' ');
  for (const [frame, kind] of FRAMES) text = text.replace(frame, kind);
  return text
    .split(' ')
    .filter((word, at, all) => !ARTICLES.has(word) || /^(?:few|little|lot)$/.test(all[at + 1] ?? ''))
    .map((word) => CANONICAL_WORD.get(word) ?? word)
    .join(' ');
}

/** Whether nothing but phrasing sets two requests apart. Says why not, or undefined. */
export function differenceInMeaning(a: Canonical, b: Canonical): string | undefined {
  if (a.key === b.key) return undefined;
  if (a.reading === 'whole' || b.reading === 'whole') return 'kept letter by letter';
  if (a.payload !== b.payload) return 'the material differs';
  return wordsOf(a) === wordsOf(b) ? undefined : 'a word differs';
}
