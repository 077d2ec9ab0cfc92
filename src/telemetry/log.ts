/** The log: one JSON object a line. Never prompts, keys or tokens: see `REDACTED`, `Secret` and `describeError`. */
import { pino, stdTimeFunctions } from 'pino';
import { type LogOutput, logOutput } from './log-output.ts';

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
  readonly output?: LogOutput;
}

/** Fields that are masked wherever they turn up in what is logged, up to two objects deep. */
const SECRET_FIELDS = ['authorization', 'api_key', 'apiKey', 'x-api-key', 'secret', 'token', 'password', 'hmac_secret'];
const REDACTED = SECRET_FIELDS.flatMap((field) => [`["${field}"]`, `*["${field}"]`, `*.*["${field}"]`]);

const STDOUT = 1;
const MAX_TEXT = 500;

/** Opens the log. */
export function createLog({ level, output = logOutput(STDOUT) }: LogOptions): Log {
  const general = pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label): object => ({ level: label }) },
      redact: { paths: REDACTED, censor: '***' },
    },
    output,
  );
  return {
    debug: (message, fields = {}) => general.debug(fields, message),
    info: (message, fields = {}) => general.info(fields, message),
    warn: (message, fields = {}) => general.warn(fields, message),
    error: (message, fields = {}) => general.error(fields, message),
    call: (severity, fields) => {
      // One JSON.stringify costs half of what pino takes to go through the fields, and every call pays it.
      if (!general.isLevelEnabled(severity)) return;
      const text = JSON.stringify(fields).slice(1, -1);
      output.write(`{"time":"${isoTime(Date.now())}","level":"${severity}",${text && `${text},`}"msg":"call"}\n`);
    },
    flush: output.flush,
  };
}

let second = Number.NaN;
let secondText = '';

/** `Date.toISOString`, worked out once a second but for its milliseconds. */
function isoTime(epoch: number): string {
  const milliseconds = epoch % 1000;
  if (epoch - milliseconds !== second) {
    second = epoch - milliseconds;
    secondText = new Date(second).toISOString().slice(0, -'000Z'.length);
  }
  return `${secondText}${String(milliseconds).padStart(3, '0')}Z`;
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
