/** Prompts as a help desk gets them. No public trace with the text of repeated prompts can be had, so they are made up. */

const ASKING = [
  'How do I',
  'What is the best way to',
  'Is it possible to',
  'Who may',
  'When should I',
  'Why can I not',
  'Explain how to',
  'Give me the steps to',
  'Write a short note on how to',
  'What happens when I',
] as const;
const DOING = [
  'cancel',
  'renew',
  'transfer',
  'print',
  'share',
  'download',
  'archive',
  'correct',
  'approve',
  'translate',
] as const;
const THINGS = [
  'a travel request',
  'my monthly invoice',
  'an expired contract',
  'the holiday calendar',
  'a customer record',
  'my parking permit',
  'an insurance claim',
  'the training schedule',
  'a purchase order',
  'my employee profile',
] as const;
const PLACES = [
  'from the mobile app',
  'on the company website',
  'without a manager',
  'before the end of the month',
  'after a change of address',
  'for a colleague in another country',
  'while I am on holiday',
  'in the new accounting system',
  'for the whole department',
  'with an old version of the software',
] as const;

/** The first so many of ten thousand different prompts, in an order in which neighbours have little in common. */
export function repeatedPrompts(count: number): readonly string[] {
  const all = ASKING.flatMap((asking) =>
    DOING.flatMap((doing) => THINGS.flatMap((thing) => PLACES.map((place) => `${asking} ${doing} ${thing} ${place}?`))),
  );
  if (count > all.length) throw new RangeError(`there are ${all.length} prompts`);
  // A step that has no divisor in common with the number of prompts meets each of them once.
  return Array.from({ length: count }, (_, index) => all[(index * 3_019) % all.length] ?? '');
}

/** A prompt that comes once. */
export function uniquePrompt(index: number): string {
  return `What is the state of ticket ${100_000 + index}, and who works on it?`;
}

const NOISES: readonly ((text: string, random: () => number) => string)[] = [
  (text) => text.charAt(0).toLowerCase() + text.slice(1),
  (text) => text.toUpperCase(),
  (text) => text.slice(0, -1),
  (text) => `${text}??`,
  (text) => `Hello, ${text} Thanks!`,
  (text) => `${text.slice(0, -1)}, please?`,
  swapped,
];

/** The same prompt in other typing: white space, and case, punctuation, politeness or a typo. Hardly ever twice the same. */
export function noisy(text: string, random: () => number): string {
  const typed = NOISES[Math.floor(random() * NOISES.length)]?.(text, random) ?? text;
  return typed.replaceAll(' ', () => ' '.repeat(1 + Math.floor(2.5 * random() ** 2)));
}

/** Two neighbouring letters inside one of the longer words, the other way round. */
function swapped(text: string, random: () => number): string {
  const words = [...text.matchAll(/[a-z]{6,}/g)];
  const word = words[Math.floor(random() * words.length)];
  if (word === undefined) return text;
  const at = word.index + 1 + Math.floor(random() * (word[0].length - 3));
  return text.slice(0, at) + text.charAt(at + 1) + text.charAt(at) + text.slice(at + 2);
}
