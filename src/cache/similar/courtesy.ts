/**
 * Greetings, requests and thanks around a prompt: they change no answer. Only what is set off by punctuation goes
 * (`Hello, world` may be the matter itself, `Hello! What is …` is not), and never anything in the middle.
 */

const GREETING =
  /^(?:hi|hello|hey|hiya|greetings|good (?:morning|afternoon|evening|day))(?:,? (?:there|all|everyone|team|claude|again))?\s*(?:[,!.;]+|[-–—](?=\s)|\n)\s*(?!world\b)/i;
const REQUEST = /^(?:(?:could|can|would|will) you (?:please|kindly)|please|kindly|pls|plz)\b,?\s+(?=\S)/i;
const THANKS =
  /([.!?,;])\s*(?:many thanks|thanks|thank you|thx|cheers)(?: (?:so much|very much|a lot|a million|in advance))*(?: for (?:your|the) (?:help|time|assistance))?(?: in advance)?\s*[.!]*$/i;
const TRAILING_PLEASE = /,\s*please\s*([.!?]*)$/i;

/** Prompts in which the last words may be what is to be translated, said or written. */
const ABOUT_WORDS =
  /\b(?:say|says|saying|said|translat\w*|pronounc\w*|means?|meaning|reply|respond|rhymes?|lyrics?|(?:this|the|following) (?:sentence|phrase|text|message)|(?:ends?|ending|close|closing|sign(?:ing)? off) (?:it )?with)\b/i;

const FOUR_WORDS = /^\S+(?:\s+\S+){3}/;

/** Takes the courtesies at the beginning of a prompt away. */
export function withoutGreeting(text: string): string {
  let rest = text;
  for (let pass = 0; pass < 4; pass++) {
    const shorter = rest.replace(GREETING, '').replace(REQUEST, '');
    if (shorter === rest || !/\S\s+\S/.test(shorter)) break;
    // `Good morning! in Japanese`: the greeting is the matter.
    if (
      /^(?:in|into|to|as|and|or|vs|means?)\b/i.test(shorter) &&
      (ABOUT_WORDS.test(shorter) || !FOUR_WORDS.test(shorter))
    )
      break;
    rest = shorter;
  }
  return rest;
}

/** Takes the courtesies at the end away, where the last words cannot be the matter itself. */
export function withoutThanks(text: string): string {
  if (ABOUT_WORDS.test(text)) return text;
  return text.replace(THANKS, '$1').replace(TRAILING_PLEASE, '$1');
}
