import { DEFAULT_CACHE_POLICY } from '../../src/completion/cache-policy.ts';
import type { Call } from '../../src/completion/call.ts';
import { RelayError } from '../../src/completion/errors.ts';
import type { Reply, Settlement, StreamEvent } from '../../src/completion/reply.ts';
import { DEFAULT_ROUTING } from '../../src/completion/routing.ts';
import { startTrace } from '../../src/completion/trace.ts';

/** A call as the edge makes it, of whatever the test cares for. */
export function fakeCall(given: Partial<Call> = {}): Call {
  const body = given.body ?? '{"model":"claude-opus-5-5","max_tokens":16,"messages":[{"role":"user","content":"Hi"}]}';
  return {
    id: 'call-1',
    operation: 'messages',
    body,
    digest: () => body,
    model: 'claude-opus-5-5',
    maxTokens: 16,
    wantsStream: false,
    tenant: 'anonymous',
    options: { betas: [], apiVersion: '2023-06-01' },
    routing: DEFAULT_ROUTING,
    cache: DEFAULT_CACHE_POLICY,
    selfContained: true,
    traceContext: {},
    deadline: Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
    trace: startTrace(0),
    ...given,
  };
}

export function wholeReply(body: string): Reply {
  return { kind: 'whole', body, settled: Promise.resolve({ outcome: 'delivered', usage: { output_tokens: 3 } }) };
}

export function event(type: string, rest = ''): StreamEvent {
  return { type, data: `{"type":"${type}"${rest}}` };
}

export function cancelled(): RelayError {
  return new RelayError('CANCELLED', 'The caller went away.');
}

/** A stream that the test feeds by hand. */
export class FakeStream {
  readonly settlement = Promise.withResolvers<Settlement>();
  private readonly queue: (StreamEvent | Error | 'end')[] = [];
  private wake: () => void = () => undefined;
  /** How many events were read. */
  read = 0;

  push(...events: (StreamEvent | Error | 'end')[]): void {
    this.queue.push(...events);
    this.wake();
  }

  reply(): Reply {
    return { kind: 'stream', events: this.events(), settled: this.settlement.promise };
  }

  private async *events(): AsyncGenerator<StreamEvent, void> {
    for (;;) {
      const next = this.queue.shift();
      if (next === 'end') {
        this.settlement.resolve({ outcome: 'delivered', usage: { output_tokens: 3 } });
        return;
      }
      if (next instanceof Error) throw next;
      if (next === undefined) {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
        continue;
      }
      this.read += 1;
      yield next;
    }
  }
}
