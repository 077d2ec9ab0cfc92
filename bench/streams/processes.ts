/** Processes of the stream benchmark, each on a core, which answer questions. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { canPin, pin } from '../overhead/children.ts';

export interface Process {
  readonly port: number;
  readonly ask: <T>(question: string) => Promise<T>;
  readonly stop: () => void;
}

/** Starts a file of this folder on a core; resolves when it says its port. */
export async function startProcess(
  file: string,
  args: readonly string[],
  core: number,
  env: Readonly<Record<string, string>> = {},
): Promise<Process> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, {
    env: { ...process.env, ...env },
    execArgv: [
      '--expose-gc',
      ...(process.env['BENCH_NODE_OPTIONS'] ?? '').split(' ').filter((option) => option !== ''),
    ],
    // The log goes nowhere, but it is written.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  if (canPin && child.pid !== undefined) pin(child.pid, core);
  const { port } = await message<{ port: number }>(child);
  return {
    port,
    ask: (question) => {
      const answer = message<never>(child);
      child.send(question);
      return answer;
    },
    stop: () => child.disconnect(),
  };
}

function message<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => reject(new Error(`a benchmark process ended with ${code}`));
    child.once('exit', onExit);
    child.once('message', (value) => {
      child.off('exit', onExit);
      resolve(value as T);
    });
  });
}
