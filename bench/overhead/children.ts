/** Child processes on a core of their own, talked to by messages. */
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Child {
  readonly port: number;
  readonly ask: <T>(question: string) => Promise<T>;
  /** CPU time of the process so far, in microseconds. */
  readonly cpu: () => Promise<number>;
  readonly stop: () => void;
}

/** Whether processes can be bound to cores here. */
export const canPin: boolean = spawnSync('taskset', ['--version']).status === 0;

/** Starts a file of this folder, or any other, on a core; resolves when it says its port. */
export async function startChild(
  file: string | URL,
  args: readonly string[],
  core: number,
  env: object = {},
  execArgv: readonly string[] = process.execArgv,
): Promise<Child> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, {
    env: { ...process.env, ...env },
    execArgv: [...execArgv],
    // The log goes nowhere, but it is written.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  if (canPin && child.pid !== undefined) pin(child.pid, core);
  const { port } = await message<{ port: number }>(child);
  const ask = <T>(question: string): Promise<T> => {
    const answer = message<T>(child);
    child.send(question);
    return answer;
  };
  return {
    port,
    ask,
    cpu: async () => (await ask<{ cpu: number }>('cpu')).cpu,
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
