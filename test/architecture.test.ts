/** The direction of imports, as a test: who may know whom, and why. docs/architecture.md draws the picture. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../src/', import.meta.url));
const LONGEST = 300;

interface Part {
  /** The other parts that it may import; everything may import `completion`. */
  readonly mayUse: readonly string[];
  readonly because: string;
}

const BUILDERS =
  "it belongs to those who put the relay together: 'main' and 'cli' know everything, and nobody knows them";

/** The folders of src. */
const PARTS: Readonly<Record<string, Part>> = {
  completion: { mayUse: [], because: 'the domain is free of I/O and knows nobody, so that everybody may know it' },
  layers: {
    mayUse: ['endpoints', 'cache', 'sessions', 'batches', 'access'],
    because:
      'a layer is a function from a service to a service, testable with a fake next service: it knows no edge and no upstream',
  },
  endpoints: { mayUse: ['providers'], because: 'what balance chooses from knows upstreams, and not who asks' },
  providers: {
    mayUse: [],
    because: 'an upstream dialect knows the domain alone, so that another is a folder and a line in main',
  },
  server: {
    mayUse: [],
    because: "the edge knows the domain's Service and no layer: what happens in between is not its business",
  },
  cache: { mayUse: ['redis'], because: 'a store knows nobody but what it stores in' },
  sessions: { mayUse: ['redis'], because: 'a store knows nobody but what it stores in' },
  batches: { mayUse: ['redis'], because: 'a store knows nobody but what it stores in' },
  access: { mayUse: ['redis'], because: 'who may call and what it may use is decided without knowing how calls run' },
  redis: { mayUse: [], because: 'the connection knows nobody who uses it' },
  config: {
    mayUse: [],
    because: 'settings are read once and handed on as plain options; they know nobody, and only main and cli know them',
  },
  telemetry: { mayUse: [], because: 'metrics and logs are handed in; they know nobody who is measured' },
  simulator: { mayUse: [], because: 'the stand-in must not share the code that it is there to test' },
};
const BUILDER_PARTS = new Set(['main', 'cli']);

const files = globSync('**/*.ts', { cwd: ROOT }).map((file) => file.split('\\').join('/'));
const texts = new Map(files.map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]));

/** `main` for src/main.ts and src/main/telemetry.ts alike. */
function partOf(file: string): string {
  return (file.split('/')[0] ?? '').replace(/\.ts$/, '');
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\b[^'";]*?from\s*'([^']+)'|(?:^|\n)import\s*'([^']+)'|\bimport\('([^']+)'\)/g;

/** The files of ours that a file imports; `ran` leaves out those of which it imports types alone. */
function importsOf(file: string, ran = false): string[] {
  const matches = [...(texts.get(file) ?? '').matchAll(IMPORT)];
  const found = matches
    .filter(([statement]) => !ran || !/^\s*(?:import|export) type\b/.test(statement))
    .map(([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? '');
  return found.filter((path) => path.startsWith('.')).map((path) => posix.join(dirname(file), path));
}

/** What is wrong with an import; undefined where nothing is. */
function objection(file: string, imported: string): string | undefined {
  const [from, to] = [partOf(file), partOf(imported)];
  if (from === to || BUILDER_PARTS.has(from) || to === 'completion') return undefined;
  const edge = `src/${file} imports src/${imported}`;
  if (BUILDER_PARTS.has(to)) return `${edge}: ${BUILDERS}`;
  const part = PARTS[from];
  if (part === undefined) return `src/${from} is a new part: say in this test what it may know, and why`;
  return part.mayUse.includes(to) ? undefined : `${edge}: ${part.because}. Hand it in, or move it to where it belongs.`;
}

/** A cycle that a file is on, as a path; undefined where there is none. */
function cycles(): string[] {
  const state = new Map<string, 'open' | 'done'>();
  const found: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (state.get(file) === 'done') return;
    const way = [...path, file];
    if (state.get(file) === 'open') {
      found.push(way.slice(way.indexOf(file)).join(' -> '));
      return;
    }
    state.set(file, 'open');
    for (const imported of importsOf(file, true)) visit(imported, way);
    state.set(file, 'done');
  };
  for (const file of files) visit(file, []);
  return found;
}

/** The code of a file without its comments and strings; good enough to look for words in. */
function codeOf(file: string): string {
  return (texts.get(file) ?? '')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, "''")
    .replace(/(^|[^:])\/\/.*$/gm, '$1');
}

function filesWhere(holds: (file: string) => boolean): string[] {
  return files.filter((file) => !file.includes('/generated/') && holds(file)).map((file) => `src/${file}`);
}

describe('src', () => {
  it('imports one way', () => {
    const objections = files.flatMap((file) => importsOf(file).flatMap((imported) => objection(file, imported) ?? []));
    assert.deepEqual(objections, []);
  });

  it('imports only files that exist, and those of src alone', () => {
    const missing = files.flatMap((file) => importsOf(file).filter((imported) => !texts.has(imported)));
    assert.deepEqual(
      missing.filter((path) => relative(ROOT, join(ROOT, path)) !== '../package.json'),
      [],
    );
  });

  it('has no cycles, types apart: of two files that need each other, none can be tested alone', () => {
    assert.deepEqual(cycles(), []);
  });

  it(`has no file over ${LONGEST} lines: one idea a file`, () => {
    assert.deepEqual(
      filesWhere((file) => (texts.get(file) ?? '').trimEnd().split('\n').length > LONGEST),
      [],
    );
  });

  it('has no any: it turns the types off for whatever it touches', () => {
    assert.deepEqual(
      filesWhere((file) => /[:<,(|&=]\s*any\b(?!\s*[:(])|\bas any\b/.test(codeOf(file))),
      [],
    );
  });

  it('prints by console in the commands alone: a service writes to its log', () => {
    assert.deepEqual(
      filesWhere((file) => partOf(file) !== 'cli' && /\bconsole\./.test(codeOf(file))),
      [],
    );
  });
});

describe('the rules above', () => {
  it('name what they object to, and say why', () => {
    assert.match(
      objection('layers/retry.ts', 'server/status.ts') ?? '',
      /layers\/retry\.ts imports .*status\.ts: a layer is/,
    );
    assert.match(objection('completion/call.ts', 'layers/retry.ts') ?? '', /the domain is free of I\/O/);
    assert.match(objection('server/server.ts', 'main/telemetry.ts') ?? '', /put the relay together/);
    assert.match(objection('endpoints/pool.ts', 'config/load.ts') ?? '', /Hand it in/);
    assert.match(objection('novelty/new.ts', 'cache/sketch.ts') ?? '', /is a new part/);
    assert.equal(objection('layers/balance.ts', 'endpoints/lease.ts'), undefined);
    assert.equal(objection('cli/serve.ts', 'main.ts'), undefined);
  });

  it('see every import that there is', () => {
    const imported = new Set(files.flatMap((file) => importsOf(file)));
    const unseen = filesWhere((file) => !imported.has(file));
    assert.deepEqual(unseen, ['src/cli/main.ts'], 'only the program itself is imported by nobody');
  });
});
