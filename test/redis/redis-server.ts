/** A real Redis for tests: found or installed, started on a free port of the loopback interface, and stopped again. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { Secret } from '../../src/completion/secret.ts';
import type { RedisConnection } from '../../src/redis/connection.ts';
import type { ManualClock } from './manual-clock.ts';

const BINARY = 'redis-server';
const ADVICE =
  'These tests need a real redis-server (Redis 6.2 or later, or Valkey under that name) on the PATH. Install it: ' +
  '"apt-get install redis-server", "dnf install redis", "apk add redis" or "brew install redis".';
/** Somebody may have taken the port between its being found free and Redis's asking for it. */
const ATTEMPTS = 3;

export class RedisServer {
  readonly port: number;
  readonly #command: string;
  readonly #args: readonly string[];
  #process: ChildProcess;

  private constructor(command: string, port: number, args: readonly string[], process: ChildProcess) {
    this.#command = command;
    this.port = port;
    this.#args = args;
    this.#process = process;
  }

  /** Starts one that keeps nothing on disk. @param args further arguments, such as `--requirepass` */
  static async start(...args: string[]): Promise<RedisServer> {
    const command = findOrInstall();
    for (let attempt = 1; ; attempt++) {
      const port = await freePort();
      try {
        return new RedisServer(command, port, args, await launch(command, port, args));
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
      }
    }
  }

  get url(): Secret {
    return new Secret(`redis://127.0.0.1:${this.port}`);
  }

  /** Stops it without notice, as a crash would. What it held is gone. */
  async kill(): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) return;
    const gone = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await gone;
  }

  /** Starts it again, empty, where it was. */
  async restart(): Promise<void> {
    await this.kill();
    this.#process = await launch(this.#command, this.port, this.#args);
  }

  /** Lets it hang: the kernel still takes connections and bytes for it, and nothing answers. */
  pause(): void {
    this.#process.kill('SIGSTOP');
  }

  resume(): void {
    this.#process.kill('SIGCONT');
  }
}

/** Waits until a connection has found Redis again, letting the time of its trials pass. */
export async function recovery(connection: RedisConnection, clock: ManualClock): Promise<void> {
  while (connection.state !== 'up') {
    clock.advance(20);
    // Trials are made of packets, which take real time: enough of it before their own deadline.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Waits until Redis has answered all that it was asked, and all that is asked in consequence. */
export async function quiet(connection: RedisConnection): Promise<void> {
  do await new Promise((resolve) => setImmediate(resolve));
  while (connection.pending > 0);
}

async function launch(command: string, port: number, args: readonly string[]): Promise<ChildProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'relay-redis-'));
  const server = spawn(
    command,
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder, ...args],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const killWithUs = (): void => {
    server.kill('SIGKILL');
  };
  process.once('exit', killWithUs);
  server.once('exit', () => {
    process.removeListener('exit', killWithUs);
    rmSync(folder, { recursive: true, force: true });
  });
  const told: string[] = [];
  for await (const line of createInterface(server.stdout)) {
    told.push(line);
    if (!line.includes('Ready to accept connections')) continue;
    // Redis would stop at a pipe that nobody reads.
    server.stdout.resume();
    return server;
  }
  throw new Error(`redis-server did not start:\n${told.join('\n')}`);
}

function findOrInstall(): string {
  const found = onPath();
  if (found !== undefined) return found;
  install();
  const installed = onPath();
  if (installed === undefined) throw new Error(ADVICE);
  return installed;
}

function onPath(): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, BINARY);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      continue;
    }
  }
  return undefined;
}

/** Where this may: as root on a machine with apt, such as a container of a CI. */
function install(): void {
  if (process.getuid?.() !== 0) throw new Error(ADVICE);
  console.error('redis-server is missing: installing it from the packages of the distribution.');
  // Test files run side by side: the second waits for the lock, and finds the work done.
  const apt = ['-q', '-y', '-o', 'DPkg::Lock::Timeout=100', '-o', 'APT::Get::Lock::Timeout=100'];
  for (const command of [['update'], ['install', '--no-install-recommends', BINARY]]) {
    const { error, status, stderr } = spawnSync('apt-get', [...apt, ...command], {
      encoding: 'utf8',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
    // An update may fail in part, and what is needed be known all the same.
    if (error !== undefined || (status !== 0 && command[0] === 'install')) {
      throw new Error(`${ADVICE}\napt-get ${command.join(' ')} failed: ${error?.message ?? stderr}`);
    }
  }
}

/** A port of the loopback interface that nobody listens on. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}
