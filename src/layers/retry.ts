import { asRelayError, type Reason, RelayError } from '../completion/errors.ts';
import type { Reply } from '../completion/reply.ts';
import type { Layer, Service } from '../completion/service.ts';
import { type Attempts, newAttempts, type RoutedCall } from '../endpoints/attempt.ts';
import type { Clock } from '../endpoints/clock.ts';
import { type BackoffOptions, backoffMs } from './backoff.ts';
import { pause } from './pause.ts';
import type { RetryBudget } from './retry-budget.ts';

export interface RetryOptions extends BackoffOptions {
  /** Attempts for one call, the first included. */
  readonly maxAttempts: number;
  /** Longest wait that an upstream may ask for, in milliseconds: a caller is told of a longer one instead. */
  readonly maxWaitMs: number;
  readonly budget: RetryBudget;
  /** Whether an endpoint that was not tried could take the call now. */
  readonly elsewhere: (call: RoutedCall) => boolean;
  /** Another attempt went upstream after a failure of this reason. */
  readonly retried: (reason: Reason) => void;
  readonly clock: Clock;
}

/**
 * Sends a call again while nothing of an answer has come, another attempt may succeed, the budget pays for it and the
 * deadline allows it: at once where another endpoint can take it, else after the delay that the upstream asked for, or a
 * random one. Beneath it the gate turns whatever breaks before the first content into a rejection; what breaks later does
 * not come past here, so that an answer that was begun is never begun again.
 */
export function retry(options: RetryOptions): Layer {
  return (next) => (call: RoutedCall) => {
    options.budget.deposit();
    const attempted = { ...call, attempts: call.attempts ?? newAttempts() };
    const failed = (thrown: unknown): Promise<Reply> => tryAgain(next, attempted, asRelayError(thrown), options);
    return next(attempted).catch(failed);
  };
}

type AttemptedCall = RoutedCall & { readonly attempts: Attempts };

async function tryAgain(
  next: Service,
  call: AttemptedCall,
  firstFailure: RelayError,
  options: RetryOptions,
): Promise<Reply> {
  const { signal, attempts, deadline } = call;
  let failure = firstFailure;
  for (let retries = 0; ; retries++) {
    if (!failure.retryable || signal.aborted || attempts.tried.length >= options.maxAttempts) throw failure;
    const delay = delayMs(call, failure, retries, options);
    // A call without a deadline would wait out the hour that an upstream under maintenance speaks of.
    if (delay === failure.retryAfter && delay > options.maxWaitMs) throw failure;
    if (options.clock.now() + delay >= deadline || !mayRetry(call, failure, options)) throw failure;
    if (delay > 0) await pause(delay, signal, options.clock);
    const sent = attempts.tried.length;
    const { reason } = failure;
    try {
      return await next(call);
    } catch (thrown) {
      const error = asRelayError(thrown);
      // What the upstream said before tells more than that it could not be asked again.
      if (attempts.tried.length === sent && error.fault === 'upstream') throw withDelay(failure, error.retryAfter);
      failure = error;
    } finally {
      // Known only now: a call that found no endpoint to go to was not tried again.
      if (attempts.tried.length > sent) options.retried(reason);
    }
  }
}

/**
 * The budget keeps retries from piling up on what fails and is asked all the same. What the pool has set aside for a
 * failure is not asked any more, so that moving its calls elsewhere needs no budget: when a region goes dark or a key is
 * revoked, more calls are under way than recent traffic would pay for, since answers take minutes. An overloaded model may
 * be set aside everywhere, and then calls come back to it.
 */
function mayRetry(call: RoutedCall, { scope }: RelayError, { budget, elsewhere }: RetryOptions): boolean {
  const isLeft =
    scope === 'limit' ||
    scope === 'credential' ||
    (scope === 'model' && elsewhere(call)) ||
    (scope === 'endpoint' && call.attempts?.tried.at(-1)?.ready === false);
  return isLeft ? budget.allowsRetries : budget.withdraw();
}

/**
 * What is limited or refused the pool keeps calls from, and waits for it where it must. What fails or is overloaded is left
 * at once where another endpoint can take the call, and else given time.
 */
function delayMs(call: RoutedCall, failure: RelayError, retries: number, options: RetryOptions): number {
  const { scope } = failure;
  if (scope === 'limit' || scope === 'credential') return 0;
  if ((scope === 'endpoint' || scope === 'model') && options.elsewhere(call)) return 0;
  return failure.retryAfter ?? backoffMs(options, retries, options.clock.random());
}

function withDelay(failure: RelayError, retryAfter: number | undefined): RelayError {
  if (retryAfter === undefined) return failure;
  const { reason, message, cause, violations, upstream, head, metadata, retryable, scope } = failure;
  return new RelayError(reason, message, {
    cause,
    retryAfter,
    violations,
    upstream,
    metadata,
    retryable,
    scope,
    ...(head !== undefined && { head }),
  });
}
