import { asRelayError } from '../completion/errors.ts';
import { type Reply, whenSettled } from '../completion/reply.ts';
import type { Layer, Service } from '../completion/service.ts';
import { newAttempts, type RoutedCall } from '../endpoints/attempt.ts';
import type { Lease } from '../endpoints/lease.ts';
import type { Send } from '../endpoints/waiter.ts';

/** The part of a pool that balancing uses. */
export interface Capacity {
  serve(call: RoutedCall, send: Send): Promise<Reply>;
}

/**
 * Ends the line of layers: sends each attempt to the endpoint that the pool gives it, and tells the pool how it went.
 *
 * @param gate holds each stream until its first content; beneath the pool's verdicts, so that an `error` event at the head
 *   of a stream is judged as the endpoint's failure and not as an answer
 */
export function balance(capacity: Capacity, gate: Layer): Service {
  function send(call: RoutedCall, lease: Lease): Promise<Reply> {
    note(call, lease);
    return gate(lease.service)(call).then(
      (reply) => {
        lease.opened(reply.head);
        whenSettled(reply, (settlement) => lease.settled(settlement));
        return reply;
      },
      (thrown: unknown) => {
        const error = asRelayError(thrown);
        lease.failed(error);
        throw error;
      },
    );
  }

  return (call: RoutedCall) => {
    const routed = call.attempts === undefined ? { ...call, attempts: newAttempts() } : call;
    return capacity.serve(routed, (lease) => send(routed, lease));
  };
}

function note({ trace, attempts }: RoutedCall, { endpoint, queued }: Lease): void {
  trace.attempts = attempts?.tried.length ?? 0;
  trace.account = endpoint.account.name;
  trace.region = endpoint.region.name;
  trace.queued += queued;
}
