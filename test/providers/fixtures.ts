import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = new URL('../fixtures/', import.meta.url);

export interface Transcript {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Every recorded and composed stream. */
export function transcripts(): Transcript[] {
  return ['streams', 'recorded'].flatMap((folder) =>
    readdirSync(new URL(folder, FOLDER))
      .filter((name) => name.endsWith('.sse'))
      .map((name) => ({ name, bytes: readFileSync(new URL(`${folder}/${name}`, FOLDER)) })),
  );
}

export function transcript(name: string): Buffer {
  return readFileSync(new URL(`streams/${name}`, FOLDER));
}

/** Offsets at which a transcript's sidecar wants it cut. */
export function cutsOf(name: string): number[] {
  const sidecar: { splits: { offset: number }[] } = JSON.parse(
    readFileSync(new URL(`streams/${name.replace('.sse', '.chunks.json')}`, FOLDER), 'utf8'),
  );
  return sidecar.splits.map(({ offset }) => offset);
}

/** Pieces of bytes, cut at ascending offsets. */
export function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  return [0, ...cuts].map((start, index) => bytes.subarray(start, cuts[index]));
}

export interface ErrorFixture {
  readonly name: string;
  readonly status: number;
  readonly headers: Record<string, string | null>;
  readonly body: unknown;
}

export function errorFixtures(): ErrorFixture[] {
  const folder = new URL('errors/', FOLDER);
  return readdirSync(folder).map((name) => ({
    name: name.replace('.json', ''),
    ...JSON.parse(readFileSync(new URL(name, folder), 'utf8')),
  }));
}
