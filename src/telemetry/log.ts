/** The log: one JSON object a line. Never prompts, keys or tokens: see `REDACTED`, `Secret` and `describeError`. */
import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

export interface Log {
  readonly debug: (message: string, fields?: object) => void;
  readonly info: (message: string, fields?: object) => void;
  readonly warn: (message: string, fields?: object) => void;
  readonly error: (message: string, fields?: object) => void;
  /** The line of a call. Its fields are taken as they are, unmasked: they are to be chosen one by one. */
  readonly call: (level: 'info' | 'warn' | 'error', fields: object) => void;
  /** Writes out what is held back, before the process ends. Throws where the destination cannot take it. */
  readonly flush: () => void;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** Standard output by default. */
  readonly destination?: DestinationStream;
}

/** Fields that are masked wherever they turn up in what is logged, up to two objects deep. */
const SECRET_FIELDS = ['authorization', 'api_key', 'apiKey', 'x-api-key', 'secret', 'token', 'password', 'hmac_secret'];
const REDACTED = SECRET_FIELDS.flatMap((field) => [`["${field}"]`, `*["${field}"]`, `*.*["${field}"]`]);

/** Lines wait for others to share a system call with, but not longer than this. */
const FLUSH_BYTES = 8 * 1024;
const FLUSH_MS = 200;
/** Held back at most, where whoever reads the log does not keep up; what comes then is dropped and counted. */
const MAX_HELD_BYTES = 16 * 1024 * 1024;
const MAX_TEXT = 500;

/** Opens the log. */
export function createLog({ level, destination }: LogOptions): Log {
  const out = destination === undefined ? standardOutput() : { stream: destination, flush: (): void => {} };
  const options = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string): object => ({ level: label }) },
  };
  const general = pino({ ...options, redact: { paths: REDACTED, censor: '***' } }, out.stream);
  // Nothing is searched for secrets on the path of every call.
  const calls: Logger = pino(options, out.stream);
  return {
    debug: (message, fields = {}) => general.debug(fields, message),
    info: (message, fields = {}) => general.info(fields, message),
    warn: (message, fields = {}) => general.warn(fields, message),
    error: (message, fields = {}) => general.error(fields, message),
    call: (severity, fields) => calls[severity](fields, 'call'),
    flush: out.flush,
  };
}

function standardOutput(): { stream: DestinationStream; flush: () => void } {
  const stream = pino.destination({
    sync: false,
    minLength: FLUSH_BYTES,
    periodicFlush: FLUSH_MS,
    maxLength: MAX_HELD_BYTES,
  });
  let dropped = 0;
  stream.on('drop', () => dropped++);
  stream.on('drain', () => {
    if (dropped === 0) return;
    stream.write(`${JSON.stringify({ level: 'warn', msg: `${dropped} log lines dropped: the reader is too slow` })}\n`);
    dropped = 0;
  });
  return { stream, flush: () => stream.flushSync() };
}

export interface ErrorDescription {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly cause?: ErrorDescription;
}

/**
 * What may be logged of something thrown, its causes included. The message of a SyntaxError is left out: V8 quotes the
 * text that it could not parse, and that text is somebody's prompt.
 */
export function describeError(thrown: unknown, depth = 3): ErrorDescription {
  if (!(thrown instanceof Error)) return { type: typeof thrown, message: '(not an Error)' };
  const message = thrown instanceof SyntaxError ? '(withheld)' : thrown.message.slice(0, MAX_TEXT);
  const code = 'code' in thrown && typeof thrown.code === 'string' ? { code: thrown.code } : {};
  const frames = (thrown.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  const stack = frames.length === 0 ? {} : { stack: frames.slice(0, 12).join('\n') };
  const cause = thrown.cause === undefined || depth === 0 ? {} : { cause: describeError(thrown.cause, depth - 1) };
  return { type: thrown.name, message, ...code, ...stack, ...cause };
}
