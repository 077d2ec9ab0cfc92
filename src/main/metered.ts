import { asRelayError } from '../completion/errors.ts';
import { whenSettled } from '../completion/reply.ts';
import type { Service } from '../completion/service.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** Counts the requests that go to one endpoint, from 0, and how long they take. */
export function metered(service: Service, account: string, region: string, metrics: Metrics): Service {
  metrics.endpointConnected(account, region);
  return (call) => {
    const sentAt = performance.now();
    const { timeToFirstByte: before } = call.trace;
    const answered = (status: number | undefined): void => {
      metrics.upstreamAnswered(account, region, status, performance.now() - sentAt);
    };
    return service(call).then(
      (reply) => {
        const { timeToFirstByte: after } = call.trace;
        if (after !== undefined && after !== before) metrics.firstToken(account, region, after);
        whenSettled(reply, ({ outcome }) => answered(outcome === 'failed' ? undefined : reply.head?.status));
        return reply;
      },
      (thrown: unknown) => {
        answered(asRelayError(thrown).upstream.status);
        throw thrown;
      },
    );
  };
}
