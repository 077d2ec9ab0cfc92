/** The README, taken apart. */
import { readFile } from 'node:fs/promises';
import { ROOT } from './tools.ts';

export interface CodeBlock {
  readonly language: string;
  readonly text: string;
  /** The `##` heading that it stands under. */
  readonly section: string;
  /** For a file, the name in the comment on its first line. */
  readonly file: string | undefined;
}

export const README: string = await readFile(`${ROOT}README.md`, 'utf8');

/** Cells of each row of the table under a `##` heading, its head left out; code marks removed. */
export function tableUnder(heading: string): readonly (readonly string[])[] {
  const [, section = ''] = README.split(`\n## ${heading}\n`);
  const [own = ''] = section.split('\n## ');
  const rows = own.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) =>
    row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

/** Every fenced block, in order. */
export function codeBlocks(): readonly CodeBlock[] {
  let section = '';
  const blocks: CodeBlock[] = [];
  for (const [, heading, language = '', text = ''] of README.matchAll(/^## (.*)$|^```(\w*)\n([^]*?)^```$/gm)) {
    if (heading !== undefined) section = heading;
    else blocks.push({ language, text, section, file: /^(?:#|\/\/) (\w+\.[\w.]+)\n/.exec(text)?.[1] });
  }
  return blocks;
}
