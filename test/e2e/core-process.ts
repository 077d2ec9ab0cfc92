/** Starts relays as child processes whose memory and handles a test can look at. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { writeSettings } from './core-relay.ts';

/** What a process holds. Memory is in bytes. */
export interface Holdings {
  readonly heapUsed: number;
  /** Objects and buffers. */
  readonly live: number;
  readonly rss: number;
  /** What keeps its event loop busy, by kind: sockets, timers, servers. */
  readonly resources: Readonly<Record<string, number>>;
  /** Listeners on `process`. */
  readonly listeners: number;
  /** Node's own, of leaking listeners for example. */
  readonly warnings: readonly string[];
  /** Promises made since they are counted. */
  readonly promises: number;
  /** Objects that were there after the last garbage collection that was asked for. */
  readonly objects: number;
}

/** What a relay's process does before it tells what it holds. */
export type Question = 'holdings' | 'collected' | 'counting';

export interface RelayChild extends AsyncDisposable {
  readonly address: string;
  readonly adminAddress: string;
  readonly holdings: () => Promise<Holdings>;
  /** The same after garbage collection. */
  readonly collected: () => Promise<Holdings>;
  /** The same, from when on promises are counted; to be asked once. */
  readonly counting: () => Promise<Holdings>;
  /** A gauge or counter of the relay's metrics, all its series added. */
  readonly metric: (name: string) => Promise<number>;
}

const SUBJECT = fileURLToPath(new URL('core-subject.ts', import.meta.url));

/** Starts a relay with these settings. */
export async function startChild(settings: object): Promise<RelayChild> {
  const { path, remove } = writeSettings(settings);
  const child = fork(SUBJECT, [path], { execArgv: ['--expose-gc'] });
  const { address, adminAddress } = await answerOf<Pick<RelayChild, 'address' | 'adminAddress'>>(child);
  remove();
  const ask = (question: Question): Promise<Holdings> => {
    const answer = answerOf<Holdings>(child);
    child.send(question);
    return answer;
  };
  return {
    address,
    adminAddress,
    holdings: () => ask('holdings'),
    collected: () => ask('collected'),
    counting: () => ask('counting'),
    metric: (name) => readMetric(adminAddress, name),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

async function answerOf<T>(child: ChildProcess): Promise<T> {
  const exit = new AbortController();
  const ended = once(child, 'exit', { signal: exit.signal }).then(([code]) => {
    throw new Error(`the relay's process ended with ${String(code)}`);
  });
  try {
    const [message] = await Promise.race([once(child, 'message'), ended]);
    return message as T;
  } finally {
    exit.abort();
    ended.catch(() => undefined);
  }
}

/** Reads a metric of a relay's admin listener; 0 where it has no series yet. */
export async function readMetric(adminAddress: string, name: string): Promise<number> {
  const response = await fetch(`http://${adminAddress}/metrics`, { headers: { connection: 'close' } });
  const lines = (await response.text())
    .split('\n')
    .filter((line) => line.startsWith(name) && /^[ {]/.test(line.slice(name.length)));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
