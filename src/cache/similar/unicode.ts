/**
 * Which characters are the same for a reader. NFKC (UAX #15) as far as it changes no meaning: superscripts, subscripts,
 * fractions, circled and mathematical letters stay themselves, for `x²` is not `x2` and `1½` is not `11⁄2`.
 */

/** Compatibility characters that NFKC would turn into something that reads differently. */
const KEPT =
  /[\u00aa\u00b2\u00b3\u00b9\u00ba\u00bc-\u00be\u02b0-\u02b8\u02e0-\u02e4\u1d2c-\u1d6a\u2070-\u209c\u2100-\u214f\u2150-\u215f\u2189\u2460-\u24ff\u2776-\u2793\u3200-\u33ff\u{1d400}-\u{1d7ff}\u{1f100}-\u{1f1ff}]+/u;
const SPLIT_KEPT = new RegExp(`(${KEPT.source})`, 'u');

/** Zero width space, word joiner, byte order mark, soft hyphen. The joiners of emoji, Persian and Indic scripts stay. */
const INVISIBLE = /[\u200b\u2060\ufeff\u00ad]/g;

const TYPOGRAPHIC: readonly (readonly [RegExp, string])[] = [
  [/[\u2018\u2019\u201a\u201b]/g, "'"],
  [/[\u201c-\u201f]/g, '"'],
  [/[\u2010\u2011\u2212]/g, '-'],
];

// eslint-disable-next-line no-control-regex -- ASCII as a range begins with control characters
const ASCII = /^[\0-\x7f]*$/;

/** Text with one spelling for characters that look and mean the same. */
export function foldCharacters(text: string): string {
  if (ASCII.test(text)) return text;
  let folded = text.replace(INVISIBLE, '');
  folded = KEPT.test(folded)
    ? folded
        .split(SPLIT_KEPT)
        .map((part, at) => (at % 2 === 0 ? part.normalize('NFKC') : part.normalize('NFC')))
        .join('')
    : folded.normalize('NFKC');
  for (const [pattern, replacement] of TYPOGRAPHIC) folded = folded.replace(pattern, replacement);
  return folded;
}
