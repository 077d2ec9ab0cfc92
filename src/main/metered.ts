import { asRelayError } from '../completion/errors.ts';
import type { Service } from '../completion/service.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** Counts the requests that go to one endpoint, and how long they take. */
export function metered(service: Service, account: string, region: string, metrics: Metrics): Service {
  return async (call) => {
    const sentAt = performance.now();
    const { timeToFirstByte: before } = call.trace;
    const answered = (status: number | undefined): void => {
      metrics.upstreamAnswered(account, region, status, performance.now() - sentAt);
    };
    try {
      const reply = await service(call);
      const { timeToFirstByte: after } = call.trace;
      if (after !== undefined && after !== before) metrics.firstToken(account, region, after);
      void reply.settled.then(({ outcome }) => answered(outcome === 'failed' ? undefined : reply.head?.status));
      return reply;
    } catch (thrown) {
      answered(asRelayError(thrown).upstream.status);
      throw thrown;
    }
  };
}
