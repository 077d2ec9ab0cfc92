/** Child processes on a core of their own, talked to by messages. */
import { type ChildProcess, fork } from 'node:child_process';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Child {
  readonly port: number;
  readonly cpu: () => Promise<{ readonly cpu: number; readonly rss: number }>;
  readonly stop: () => void;
}

/** Whether processes can be bound to cores here. */
export const canPin: boolean = spawnSync('taskset', ['--version']).status === 0;

/** Starts a file of this folder on a core; resolves when it says its port. */
export async function startChild(
  file: string,
  args: readonly string[],
  core: number,
  env: object = {},
): Promise<Child> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, {
    env: { ...process.env, ...env },
    execArgv: ['--expose-gc'],
    // The log goes nowhere, but it is written.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  if (canPin && child.pid !== undefined) pin(child.pid, core);
  const { port } = await message<{ port: number }>(child);
  return {
    port,
    cpu: () => {
      const answer = message<{ cpu: number; rss: number }>(child);
      child.send('cpu');
      return answer;
    },
    stop: () => child.kill(),
  };
}

/** Binds a process and its threads to one core. */
export function pin(pid: number, core: number): void {
  spawnSync('taskset', ['-a', '-c', '-p', String(core), String(pid)]);
}

function message<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once('message', (value) => resolve(value as T));
    child.once('exit', (code) => reject(new Error(`a benchmark process ended with ${code}`)));
  });
}
