import { asRelayError, RelayError } from '../completion/errors.ts';
import { type Reply, type Settlement, whenSettled } from '../completion/reply.ts';
import type { Layer, Service } from '../completion/service.ts';
import { addUsage, type Usage } from '../completion/usage.ts';
import { newAttempts, type RoutedCall } from '../endpoints/attempt.ts';
import type { Clock } from '../endpoints/clock.ts';
import { RollingQuantile } from './quantile.ts';
import type { RetryBudget } from './retry-budget.ts';

export interface HedgeOptions {
  /** Milliseconds without an opened answer after which a second endpoint is asked, or the quantile of recent waits, in (0, 1). */
  readonly after: { readonly milliseconds: number } | { readonly quantile: number };
  /** Second attempts are paid like retries, so that a slow upstream is not asked everything twice. */
  readonly budget: RetryBudget;
  readonly elsewhere: (call: RoutedCall) => boolean;
  readonly hedged: () => void;
  readonly clock: Clock;
}

/**
 * Asks a second endpoint when the first is slow to open its answer, and takes whichever opens first (J. Dean, L. Barroso,
 * "The tail at scale", CACM 2013). The other is aborted at once, so that there is never a second answer, and what it used
 * is counted with the winner's. Stands beneath retry, which sees one attempt, and above balance.
 */
export function hedge(options: HedgeOptions): Layer {
  const { after, clock } = options;
  const waits = 'quantile' in after ? new RollingQuantile(after.quantile) : undefined;
  return (next) => async (call: RoutedCall) => {
    if (call.operation !== 'messages') return next(call);
    const delay = 'milliseconds' in after ? after.milliseconds : waits?.value;
    const startedAt = clock.now();
    const reply = delay === undefined ? await next(call) : await race(next, call, delay, options);
    waits?.observe(clock.now() - startedAt);
    return reply;
  };
}

/** One of the two attempts: a call of its own, with a signal and a trace that the other does not touch. */
interface Runner {
  readonly call: RoutedCall;
  readonly reply: Promise<Reply>;
  readonly abort: () => void;
}

async function race(next: Service, call: RoutedCall, delay: number, options: HedgeOptions): Promise<Reply> {
  const shared = { ...call, attempts: call.attempts ?? newAttempts() };
  const first = run(next, shared);
  const slow = Promise.withResolvers<undefined>();
  const cancel = options.clock.after(delay, () => slow.resolve(undefined));
  try {
    const early = await Promise.race([first.reply, slow.promise]);
    if (early !== undefined || !options.elsewhere(shared) || !options.budget.withdraw()) {
      return winning(first, await first.reply, call);
    }
    options.hedged();
    const second = run(next, { ...shared, elsewhereOnly: true });
    const winner = await firstToOpen(first, second);
    const loser = winner === first ? second : first;
    loser.abort();
    return counting(winning(winner, await winner.reply, call), loser);
  } catch (error) {
    copyTrace(first.call, call);
    throw error;
  } finally {
    cancel();
  }
}

function run(next: Service, call: RoutedCall): Runner {
  const controller = new AbortController();
  const own = { ...call, signal: controller.signal, trace: { ...call.trace } };
  const forward = () => {
    controller.abort(call.signal.reason);
    // Whoever gave up looks at the trace at once.
    copyTrace(own, call);
  };
  if (call.signal.aborted) forward();
  else call.signal.addEventListener('abort', forward, { once: true });
  const reply = next(own);
  const release = () => call.signal.removeEventListener('abort', forward);
  void reply.then((opened) => whenSettled(opened, release), release);
  return {
    call: own,
    reply,
    abort: () => controller.abort(new RelayError('CANCELLED', 'Another endpoint answered first.')),
  };
}

/** The one that opens first. When neither does, it is the first one's failure that tells. */
async function firstToOpen(first: Runner, second: Runner): Promise<Runner> {
  return Promise.any([first.reply.then(() => first), second.reply.then(() => second)]).catch(() => first);
}

/** The winner's reply, with its trace as the call's: now, and once more when the provider has written the last of it. */
function winning(runner: Runner, reply: Reply, call: RoutedCall): Reply {
  copyTrace(runner.call, call);
  const settled = Promise.resolve(reply.settled).then((settlement) => {
    copyTrace(runner.call, call);
    return settlement;
  });
  return { ...reply, settled };
}

function copyTrace({ trace, attempts }: RoutedCall, call: RoutedCall): void {
  Object.assign(call.trace, trace, { attempts: attempts?.tried.length });
}

/** Adds what the loser used to what the winner did: both were paid for. */
function counting(reply: Reply, loser: Runner): Reply {
  const lost = loser.reply.then(abandon, () => ({}));
  const settled = Promise.all([reply.settled, lost]).then(
    ([settlement, usage]): Settlement => ({ ...settlement, usage: addUsage(settlement.usage, usage) }),
  );
  return { ...reply, settled };
}

/** Ends an answer that nobody wants any more; its usage, as far as it was told. */
async function abandon(reply: Reply): Promise<Usage> {
  // A stream that is being aborted may reject its end, and settles all the same.
  if (reply.kind === 'stream') await reply.events[Symbol.asyncIterator]().return?.().catch(asRelayError);
  return (await reply.settled).usage;
}
