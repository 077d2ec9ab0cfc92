import type { FaultTarget } from './faults/injector.ts';
import { parseJson, readBody } from './http/body.ts';
import type { Exchange } from './http/exchange.ts';
import { sendBroken, strikeBefore, UNHARMED, type Verdict } from './http/strike.ts';
import type { Principal } from './principal.ts';
import type { Route } from './routing.ts';
import type { SimulatorState } from './state.ts';
import type { ApiVersion } from './validation/fields.ts';
import type { ValidationContext } from './validation/request.ts';

/** One authenticated request, with everything that its handler needs. */
export interface Visit {
  readonly exchange: Exchange;
  readonly state: SimulatorState;
  readonly principal: Principal;
  readonly version: ApiVersion;
  readonly betas: readonly string[];
  readonly route: Route;
}

/** What bodies of this request are judged with. */
export function validationContext({ state, principal, version, betas }: Visit): ValidationContext {
  const { models, signer } = state;
  return { version, betas, organization: principal.organization, models, signer };
}

/** The text of the body and what it parses to. Throws ApiError. */
export async function readJson(
  { exchange, state }: Visit,
  limit: number,
): Promise<{ readonly text: string; readonly value: unknown }> {
  const text = await readBody(exchange.request, limit, state.encodings);
  if (state.options.recordBodies) exchange.record.body = text;
  return { text, value: parseJson(text) };
}

/** Lets faults strike; `streams` says whether the answer will be a stream. Throws ApiError. */
export async function meetFaults({ exchange, state, principal, route }: Visit, streams: boolean): Promise<Verdict> {
  const target: FaultTarget = { endpoint: route.endpoint, key: principal.key, model: exchange.record.model };
  const fault = state.faults.strike(target);
  return fault === undefined ? UNHARMED : await strikeBefore(exchange, fault, streams);
}

/** Sends an answer once its time has come, whole or broken. */
export function sendAnswer(visit: Visit, value: object, verdict: Verdict, delay: number): void {
  const { exchange } = visit;
  exchange.after(delay, () => {
    if (verdict.later === undefined) exchange.sendJson(200, value);
    else sendBroken(exchange, 'application/json', JSON.stringify(value), verdict.later);
  });
}

/** Answers a request that has nothing to it but its answer. Throws ApiError. */
export async function answerPlainly(visit: Visit, make: () => object): Promise<void> {
  const verdict = await meetFaults(visit, false);
  if (!verdict.answered) sendAnswer(visit, make(), verdict, visit.state.pace.firstByte());
}
