/** How a client is built in each language, from the proto files alone: what the README tells users to do. */
import { cp, mkdir, readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { succeed } from './processes.ts';
import { ROOT, type Tool, TOOL_ENV } from './tools.ts';

/** A program ready to run. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

export interface Language {
  readonly name: string;
  readonly tools: readonly Tool[];
  /**
   * Makes a source file runnable in a folder beneath the project.
   *
   * @param source path of a program of the language that uses the generated code
   */
  readonly build: (folder: string, source: string) => Promise<Program>;
}

const PROTOS = `${ROOT}proto`;
const GO_MODULE = `${ROOT}test/interop/go`;
/** A first build of grpc-go takes this long on a slow machine, in milliseconds. */
const GO_BUILD_TIMEOUT = 300_000;

export const node: Language = {
  name: 'Node.js',
  tools: [],
  async build(folder, source) {
    const program = join(folder, 'client.mjs');
    await cp(source, program);
    return { command: process.execPath, args: [program], env: { ...process.env, RELAY_PROTO: PROTOS } };
  },
};

export const python: Language = {
  name: 'Python',
  tools: ['python'],
  async build(folder, source) {
    const stubs = join(folder, 'stubs');
    await mkdir(stubs);
    const protos = (await readdir(`${PROTOS}/claude/relay/v1`)).map((name) => `${PROTOS}/claude/relay/v1/${name}`);
    const out = [`--python_out=${stubs}`, `--grpc_python_out=${stubs}`];
    await succeed('python3', ['-m', 'grpc_tools.protoc', `-I${PROTOS}`, ...out, ...protos], { env: TOOL_ENV });
    const path = [stubs, process.env['PYTHONPATH']].filter((entry) => entry !== undefined).join(delimiter);
    return { command: 'python3', args: [source], env: { ...TOOL_ENV, PYTHONPATH: path } };
  },
};

export const go: Language = {
  name: 'Go',
  tools: ['go', 'protoc-gen-go', 'protoc-gen-go-grpc'],
  async build(folder, source) {
    for (const file of ['go.mod', 'go.sum']) await cp(join(GO_MODULE, file), join(folder, file));
    await cp(source, join(folder, 'main.go'));
    const generate = ['generate', ROOT, '--template', join(GO_MODULE, 'buf.gen.yaml'), '--path', `${PROTOS}/claude`];
    await succeed('buf', [...generate, '--output', folder], { env: TOOL_ENV });
    const program = join(folder, 'client');
    const options = { env: TOOL_ENV, cwd: folder, timeout: GO_BUILD_TIMEOUT };
    await succeed('go', ['vet', '.'], options);
    await succeed('go', ['build', '-buildvcs=false', '-o', program, '.'], options);
    return { command: program, args: [], env: TOOL_ENV };
  },
};
