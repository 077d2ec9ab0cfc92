import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import type { Clock } from './clock.ts';

const PATIENCE_MS = 5_000;

/** What one measurement gave: a time, or why there is none. */
export type RoundTrip =
  | { readonly kind: 'measured'; readonly milliseconds: number }
  /** This machine cannot measure in this way at all. */
  | { readonly kind: 'impossible'; readonly why: string }
  | { readonly kind: 'silent'; readonly why: string };

/** Measures the way to a URL's host. Never rejects, and sends nothing that an upstream would count. */
export type Measure = (url: URL) => Promise<RoundTrip>;

/** ICMP echo by the system's own `ping`: raw sockets need rights that a server should not have. */
export function icmp(command: string): Measure {
  return (url) =>
    new Promise((resolve) => {
      const host = url.hostname.replace(/^\[|\]$/g, '');
      const args = ['-n', '-c', '1', '-W', '2', '--', host];
      execFile(command, args, { timeout: PATIENCE_MS, env: { ...process.env, LC_ALL: 'C' } }, (error, stdout) => {
        const time = /time[=<]\s*([\d.]+)\s*ms/.exec(stdout)?.[1];
        if (time !== undefined) resolve({ kind: 'measured', milliseconds: Number(time) });
        // Exit status 1 is ping's word for "no answer"; anything else is that ping itself could not run.
        else if (error?.code === 1 || error?.killed === true) resolve({ kind: 'silent', why: 'no answer to ping' });
        else resolve({ kind: 'impossible', why: error === null ? 'ping said nothing' : `ping failed: ${error.code}` });
      });
    });
}

/** The time that a TCP connect takes, name resolution left out. */
export function tcp(clock: Clock): Measure {
  return (url) =>
    new Promise((resolve) => {
      let startedAt = clock.now();
      const port = url.port === '' ? (url.protocol === 'http:' ? 80 : 443) : Number(url.port);
      const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ''), port, timeout: PATIENCE_MS });
      const end = (result: RoundTrip) => {
        socket.destroy();
        resolve(result);
      };
      // One for each address that is tried: the last is the one that connects.
      socket.on('connectionAttempt', () => {
        startedAt = clock.now();
      });
      socket.on('connect', () => end({ kind: 'measured', milliseconds: clock.now() - startedAt }));
      socket.on('timeout', () => end({ kind: 'silent', why: 'no TCP connection in time' }));
      socket.on('error', (error) => end({ kind: 'silent', why: 'code' in error ? String(error.code) : error.message }));
    });
}
