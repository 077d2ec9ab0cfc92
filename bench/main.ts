/** `npm run bench -- NAME [arguments]`: runs one benchmark, or lists them. Each prints its figures beside its targets. */
import { readdirSync } from 'node:fs';

export interface Benchmark {
  /** One line for the list. */
  readonly summary: string;
  /** Runs with the remaining command line; resolves to whether every target was met. */
  readonly run: (args: readonly string[]) => Promise<boolean>;
}

const [name, ...args] = process.argv.slice(2);
const names = readdirSync(new URL('.', import.meta.url))
  .filter((file) => file.endsWith('.bench.ts'))
  .map((file) => file.slice(0, -'.bench.ts'.length));

async function load(name: string): Promise<Benchmark> {
  const module: { benchmark: Benchmark } = await import(`./${name}.bench.ts`);
  return module.benchmark;
}

if (name === undefined || !names.includes(name)) {
  console.log('usage: npm run bench -- NAME [arguments]');
  for (const known of names) console.log(`  ${known.padEnd(12)} ${(await load(known)).summary}`);
  process.exitCode = name === undefined ? 0 : 1;
} else {
  const benchmark = await load(name);
  process.exitCode = (await benchmark.run(args)) ? 0 : 1;
}
