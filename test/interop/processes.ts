/** Child processes, and the relay as one of them: started as its users start it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { ROOT } from './tools.ts';

/** What a program left behind. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Milliseconds after which it is killed; a minute without it. */
  readonly timeout?: number;
}

/** Runs a program to its end; rejects only where it cannot be started. */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const { env = process.env, cwd = ROOT, timeout = 60_000 } = options;
  const child = spawn(program, args, { env, cwd, timeout, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  await once(child, 'close');
  return { code: child.exitCode, stdout, stderr };
}

/** Runs a program that must succeed, and returns its standard output; rejects with what it printed. */
export async function succeed(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(program, args, options);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${String(code)}:\n${stdout}${stderr}`);
  return stdout;
}

/** A running `claude-relay serve`. */
export interface RelayProcess extends AsyncDisposable {
  /** HOST:PORT of the gRPC listener. */
  readonly address: string;
  /** HOST:PORT of metrics and health. */
  readonly adminAddress: string;
  /** Whether it said that a simulated upstream answers. */
  readonly simulated: boolean;
  /** Asks it to drain and exit, by SIGTERM. */
  readonly terminate: () => void;
  /** Resolves with the exit code, once all output was read; null where a signal ended it. */
  readonly exited: Promise<number | null>;
  /** The log so far, by line. */
  readonly log: readonly string[];
}

export interface RelayOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** What starts it; from source without it. */
  readonly command?: readonly [string, ...string[]];
}

const FROM_SOURCE = [process.execPath, `${ROOT}src/cli/main.ts`, 'serve'] as const;

/** Starts a relay on free ports and waits until it says where; rejects with its output where it ends instead. */
export async function startRelay(options: RelayOptions = {}): Promise<RelayProcess> {
  const { env, cwd = ROOT, command = FROM_SOURCE } = options;
  const [program, ...args] = command;
  const child = spawn(program, args, {
    cwd,
    env: {
      ...withoutSettings(process.env),
      RELAY_LISTEN: '127.0.0.1:0',
      RELAY_ADMIN_LISTEN: '127.0.0.1:0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'close').then(() => child.exitCode);
  const log: string[] = [];
  const started = await startLine(child, log);
  return {
    ...started,
    log,
    terminate: () => void child.kill('SIGTERM'),
    exited,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** The relay's own variables would change what a test starts. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = /^(RELAY_|ANTHROPIC_|CLAUDE_SECRET$)/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !own.test(name)));
}

const SERVES = /serves gRPC on (\S+), metrics and health on http:\/\/([^\s"]+)/;

function startLine(
  child: ChildProcess,
  log: string[],
): Promise<Pick<RelayProcess, 'address' | 'adminAddress' | 'simulated'>> {
  return new Promise((resolve, reject) => {
    const read = (line: string): void => {
      log.push(line);
      const [, address, adminAddress] = SERVES.exec(line) ?? [];
      if (address === undefined || adminAddress === undefined) return;
      resolve({ address, adminAddress, simulated: line.includes('"simulated":true') });
    };
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', read);
    }
    child.once('error', reject);
    child.once('close', () => reject(new Error(`the relay ended before it served:\n${log.join('\n')}`)));
  });
}
