/** The programs of others that the interop suite drives. `.ci/tools` installs them into `.interop`. */
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

/** Environment in which `.ci/tools`' own are found before the machine's. */
export const TOOL_ENV: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: [`${ROOT}.interop/venv/bin`, `${ROOT}.interop/bin`, `${ROOT}node_modules/.bin`, process.env['PATH']].join(':'),
};

/** By name, a command that succeeds where the tool can be used. */
const TOOLS = {
  curl: ['curl', '--version'],
  grpcurl: ['grpcurl', '-version'],
  grpc_health_probe: ['grpc_health_probe', '-version'],
  python: ['python3', '-c', 'import grpc, grpc_status, grpc_tools'],
  go: ['go', 'version'],
  'protoc-gen-go': ['protoc-gen-go', '--version'],
  'protoc-gen-go-grpc': ['protoc-gen-go-grpc', '--version'],
} as const;

export type Tool = keyof typeof TOOLS;

/**
 * Why tests that need these tools are passed over; false where all are there.
 *
 * @throws Error with the same text where they must be there: under `CI=true` or `INTEROP=required`
 */
export function missing(...tools: readonly Tool[]): string | false {
  const absent = tools.filter((tool) => !isUsable(tool));
  if (absent.length === 0) return false;
  const text = `${absent.join(', ')} not found: run .ci/tools`;
  if (process.env['CI'] === 'true' || process.env['INTEROP'] === 'required') throw new Error(text);
  return text;
}

/** Makes a folder for what a test builds: beneath the project, where Node finds its packages, and ignored by Git. */
export async function makeFolder(): Promise<string> {
  await mkdir(`${ROOT}.interop`, { recursive: true });
  return mkdtemp(`${ROOT}.interop/run-`);
}

function isUsable(tool: Tool): boolean {
  const [program, ...args] = TOOLS[tool];
  return spawnSync(program, args, { env: TOOL_ENV, stdio: 'ignore' }).status === 0;
}
