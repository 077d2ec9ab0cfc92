/** Child processes on a core of their own, talked to by messages. */
import { type ChildProcess, fork } from 'node:child_process';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Child {
  readonly port: number;
  /** CPU time of the process so far, in microseconds. */
  readonly cpu: () => Promise<number>;
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
    // The log goes nowhere, but it is written.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  if (canPin && child.pid !== undefined) pin(child.pid, core);
  const { port } = await message<{ port: number }>(child);
  return {
    port,
    cpu: async () => {
      const answer = message<{ cpu: number }>(child);
      child.send('cpu');
      return (await answer).cpu;
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
    const ended = (code: number | null): void => reject(new Error(`a benchmark process ended with ${code}`));
    child.once('exit', ended);
    child.once('message', (value) => {
      child.off('exit', ended);
      resolve(value as T);
    });
  });
}
