/** A bare HTTP client for what an SDK hides: headers, bytes, broken connections. */
import assert from 'node:assert/strict';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { once } from 'node:events';
import { defaultSimulatorOptions, type SimulatorOptions } from '../../src/simulator/options.ts';
import { type Simulator, startSimulator } from '../../src/simulator/simulator.ts';

/** A simulator on any free port, that waits for nobody when it closes. */
export function start(options: Partial<SimulatorOptions> = {}): Promise<Simulator> {
  return startSimulator({ ...defaultSimulatorOptions, closeGrace: 0, ...options });
}

/** A request that the API answers with text. */
export const HELLO = {
  model: 'claude-opus-5-5',
  max_tokens: 1024,
  messages: [{ role: 'user' as const, content: 'Hello, Claude' }],
};

export const HEADERS = {
  'x-api-key': 'sk-test',
  'anthropic-version': '2026-10-21',
  'content-type': 'application/json',
};

/** The status and body of an answer, and its headers. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: () => Json;
  /** The API's error body; fails the test when the answer is none. */
  readonly error: () => ErrorBody;
}

/** Parsed JSON, for the test to say what it is. */
export type Json = Readonly<Record<string, unknown>>;

export interface ErrorBody {
  readonly type: string;
  readonly message: string;
  readonly details?: { readonly error_code: string } | null;
  readonly requestId: string;
}

function readError(text: string): ErrorBody {
  const body = JSON.parse(text) as { type: string; error: Omit<ErrorBody, 'requestId'>; request_id: string };
  assert.equal(body.type, 'error', text);
  return { ...body.error, requestId: body.request_id };
}

/** Sends a request and reads the whole answer. */
export async function call(simulator: Simulator, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${simulator.url}${path}`, { ...init, headers: { ...HEADERS, ...init.headers } });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: () => JSON.parse(text) as Json,
    error: () => readError(text),
  };
}

/** POSTs a body, as JSON unless it is text already. */
export function post(
  simulator: Simulator,
  body: unknown,
  headers: Record<string, string> = {},
  path = '/v1/messages',
): Promise<Answer> {
  return call(simulator, path, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers,
  });
}

/** POSTs a body and gives the answer as it opens, for tests that look at the connection. */
export async function open(
  simulator: Simulator,
  body: unknown,
): Promise<{ readonly outgoing: ClientRequest; readonly response: IncomingMessage }> {
  const outgoing = dial(simulator, body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return { outgoing, response };
}

/** POSTs a body and waits for nothing. */
export function dial(simulator: Simulator, body: unknown): ClientRequest {
  const outgoing = request(`${simulator.url}/v1/messages`, { method: 'POST', headers: HEADERS, agent: false });
  outgoing.end(JSON.stringify(body));
  return outgoing;
}

/** The events of a stream, in order. */
export function eventsOf(text: string): readonly Json[] {
  return [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => JSON.parse(data) as Json);
}

/** Their types. */
export function typesOf(text: string): readonly string[] {
  return [...text.matchAll(/^event: (.*)$/gm)].map(([, type = '']) => type);
}
