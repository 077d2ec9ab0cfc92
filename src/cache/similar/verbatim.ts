/**
 * Stretches of a prompt that count letter by letter: code and quoted text. They are taken out before anything else is
 * normalised and put back unchanged.
 */
import { foldCharacters } from './unicode.ts';

/** Marks the place of a stretch; from the private use area, and prompts that use it themselves are left whole. */
export const MARK = '\ue000';

const CODE = /(```[\s\S]*?(?:```|$)|`[^`\n]*`)/;
const QUOTED =
  /"[^"\n]{0,500}"|(?<![\p{L}\p{N}])'(?=\S)[^'\n]{0,500}'(?![\p{L}\p{N}])|«[^»\n]{0,500}»|‹[^›\n]{0,500}›|「[^」\n]{0,500}」|『[^』\n]{0,500}』|《[^》\n]{0,500}》/gu;

export interface Separated {
  /** The prompt with a MARK in the place of each stretch. */
  readonly prose: string;
  /** The stretches in their order; quoted text with its characters folded, code as it came. */
  readonly verbatim: readonly string[];
}

/** Takes code and quoted text out of a prompt. Undefined where the prompt uses the private mark itself. */
export function separate(text: string): Separated | undefined {
  if (text.includes(MARK)) return undefined;
  const verbatim: string[] = [];
  const take = (stretch: string): string => {
    verbatim.push(stretch);
    return MARK;
  };
  const prose = text
    .split(CODE)
    .map((part, at) => (at % 2 === 1 ? take(part) : foldCharacters(part).replace(QUOTED, take)))
    .join('');
  return { prose, verbatim };
}
