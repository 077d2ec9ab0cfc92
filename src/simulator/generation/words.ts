import { integerBetween, pick, type Random } from '../random.ts';

const VOCABULARY: readonly string[] = (
  'the a this that each most one two three several another every result answer question reason example value ' +
  'system request service message table column record index cache queue worker client server network region ' +
  'account limit budget token model prompt context history session stream event error retry timeout latency ' +
  'measure estimate sample average median total share rate count sum order list group set step stage layer part ' +
  'change update write read send receive check compare choose follow keep move open close start end return make ' +
  'shows means holds needs gives takes works runs grows falls depends differs remains becomes allows prevents ' +
  'is are was can may should will would does has if when while because although however therefore instead also ' +
  'first second last next earlier later often rarely usually clearly roughly exactly quickly slowly safely ' +
  'small large short long simple careful likely common separate single whole partial fresh stable useful ' +
  'of to in on at by for from with without over under between before after during through across within ' +
  'and or but so not only both either café naïve Zürich façade données 東京 λ 🙂'
).split(' ');

const SHORTEST_SENTENCE = 6;
const LONGEST_SENTENCE = 16;
const SENTENCES_PER_PARAGRAPH = 5;

function capitalize(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/**
 * So many tokens of plausible prose. Each token is a word with the space before it and the punctuation behind it:
 * joined, they are the text.
 */
export function proseTokens(random: Random, count: number): string[] {
  const tokens: string[] = [];
  let left = 0;
  let space = '';
  while (tokens.length < count) {
    const opens = left === 0;
    if (opens) left = integerBetween(random, SHORTEST_SENTENCE, LONGEST_SENTENCE);
    // The last token closes the last sentence.
    left = tokens.length === count - 1 ? 0 : left - 1;
    const word = pick(random, VOCABULARY);
    const comma = left > 2 && random() < 0.08 ? ',' : '';
    tokens.push(`${space}${opens ? capitalize(word) : word}${left === 0 ? '.' : comma}`);
    space = left === 0 && random() < 1 / SENTENCES_PER_PARAGRAPH ? '\n\n' : ' ';
  }
  return tokens;
}

const CHARACTERS_PER_TOKEN = 4;

function endsInHighSurrogate(text: string): boolean {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff;
}

/** Cuts a text that is not prose, such as JSON, into tokens, never within a character. */
export function textTokens(text: string): string[] {
  const tokens: string[] = [];
  let start = 0;
  while (start < text.length) {
    let end = start + CHARACTERS_PER_TOKEN;
    if (endsInHighSurrogate(text.slice(start, end)) && end < text.length) end++;
    tokens.push(text.slice(start, end));
    start = end;
  }
  return tokens;
}
