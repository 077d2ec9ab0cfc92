import { DEFAULT_CACHE_POLICY } from '../../src/completion/cache-policy.ts';
import assert from 'node:assert/strict';
import type { Call } from '../../src/completion/call.ts';
import { RelayError } from '../../src/completion/errors.ts';
import type { Reply, StreamEvent, StreamReply, WholeReply } from '../../src/completion/reply.ts';
import { DEFAULT_ROUTING } from '../../src/completion/routing.ts';
import { startTrace } from '../../src/completion/trace.ts';

/** A call for one message, but for what the test says of it. */
export function callOf(differences: Partial<Call> = {}): Call {
  return {
    id: 'call-1',
    operation: 'messages',
    body: '{"model":"claude-opus-5-5","max_tokens":64,"messages":[{"role":"user","content":"Hi"}]}',
    digest: () => '',
    model: 'claude-opus-5-5',
    maxTokens: 64,
    wantsStream: false,
    tenant: 'tests',
    options: { betas: [], apiVersion: '2023-06-01' },
    routing: DEFAULT_ROUTING,
    cache: DEFAULT_CACHE_POLICY,
    selfContained: true,
    traceContext: {},
    deadline: Infinity,
    signal: new AbortController().signal,
    trace: startTrace(0),
    ...differences,
  };
}

export function streamOf(reply: Reply): StreamReply {
  assert(reply.kind === 'stream', 'a stream was expected');
  return reply;
}

export function wholeOf(reply: Reply): WholeReply {
  assert(reply.kind === 'whole', 'a whole answer was expected');
  return reply;
}

/** The error that a promise rejects with, which must be a RelayError. */
export async function errorOf(promise: Promise<unknown>): Promise<RelayError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert(outcome instanceof RelayError, `a RelayError was expected, not ${String(outcome)}`);
  return outcome;
}

/** Reads to the end: the events, and the error if there was one. */
export async function readAll(
  events: AsyncIterable<StreamEvent>,
): Promise<{ events: StreamEvent[]; error?: RelayError }> {
  const read: StreamEvent[] = [];
  try {
    for await (const event of events) read.push(event);
  } catch (error) {
    assert(error instanceof RelayError);
    return { events: read, error };
  }
  return { events: read };
}
