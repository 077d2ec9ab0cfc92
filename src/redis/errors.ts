import { ErrorReply } from '@redis/client';

/**
 * Why an operation has no answer: `timeout`, none came in time; `refused`, Redis answered with an error; `lost`, the
 * connection broke meanwhile; `unreachable`, it was not asked, since it has not answered lately; `busy`, it was not
 * asked, since too many operations wait already.
 */
export type RedisFailure = 'timeout' | 'refused' | 'lost' | 'unreachable' | 'busy';

/**
 * Redis did not do what it was asked, or not in time. Whoever asked goes on without; so this never reaches a caller.
 * `detail` is a word from a short list (an error code); never the text of an error, which may quote keys or credentials.
 */
export class RedisUnavailable extends Error {
  override readonly name = 'RedisUnavailable';
  readonly failure: RedisFailure;
  readonly detail: string;

  constructor(failure: RedisFailure, detail = '') {
    super(`Redis: ${failure}${detail === '' ? '' : ` (${detail})`}`);
    this.failure = failure;
    this.detail = detail;
  }

  /** Whether Redis may have done it, or may do it yet. */
  get isMaybeDone(): boolean {
    return this.failure === 'timeout' || this.failure === 'lost';
  }
}

const CODE = /^[A-Z][A-Z0-9_]{1,40}$/;

/** The code that an error begins with or carries: `ECONNREFUSED`, `OOM`, `WRONGPASS`; else the name of its class. */
export function codeOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return 'UNKNOWN';
  const code = thrown instanceof ErrorReply ? thrown.message.split(' ', 1)[0] : 'code' in thrown ? thrown.code : '';
  return typeof code === 'string' && CODE.test(code) ? code : thrown.constructor.name;
}

/** For what may be left undone while Redis is lost: takes RedisUnavailable, and throws anything else on. */
export function ignoreUnavailable(thrown: unknown): void {
  if (!(thrown instanceof RedisUnavailable)) throw thrown;
}
