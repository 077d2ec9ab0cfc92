/** `POST /v1/messages` and `POST /v1/messages/count_tokens`. */
import { hash } from 'node:crypto';
import { invalidRequest } from './api-error.ts';
import { type Answer, generateAnswer } from './generation/answer.ts';
import { type Envelope, streamFrames, wholeMessage } from './generation/message.ts';
import { playStream } from './http/stream.ts';
import type { Verdict } from './http/strike.ts';
import type { Allowance } from './limits/rate-limiter.ts';
import type { ModelSpec } from './models/catalogue.ts';
import type { CachePlan, InputUsage } from './prompt-cache.ts';
import { countTokens, segmentsOf } from './prompt.ts';
import type { MessagesRequest } from './request.ts';
import type { Service } from './usage.ts';
import { validateCountTokens, validateMessages } from './validation/request.ts';
import { answerPlainly, meetFaults, readJson, sendAnswer, type Visit, validationContext } from './visit.ts';

/** 32 MB (reference 1). */
const LARGEST_BODY = 32 * 1024 * 1024;

const STREAM_MEMBER = /"stream"\s*:\s*(?:true|false|null)\s*,|,\s*"stream"\s*:\s*(?:true|false|null)/g;

/** Stands for a request: the same for the same body, streamed or not. */
export function digestRequest(text: string): string {
  return hash('sha256', text.includes('"stream"') ? text.replace(STREAM_MEMBER, '') : text);
}

/** What usage says besides counting. */
export function serviceOf(request: MessagesRequest, tier: Service['tier']): Service {
  return { tier, geography: request.inference_geo ?? 'global', speed: request.speed ?? undefined };
}

function totalInput({ fresh, read, written5m, written1h }: InputUsage): number {
  return fresh + read + written5m + written1h;
}

function checkContextWindow(input: InputUsage, model: ModelSpec): void {
  const tokens = totalInput(input);
  if (tokens > model.maxInputTokens) {
    throw invalidRequest(`prompt is too long: ${tokens} tokens > ${model.maxInputTokens} maximum`);
  }
}

/** A request that was admitted, on its way to being answered. */
interface Admitted {
  readonly visit: Visit;
  readonly allowance: Allowance;
  readonly plan: CachePlan;
  readonly answer: Answer;
  readonly envelope: Envelope;
  readonly verdict: Verdict;
}

function spend({ visit, allowance }: Admitted, tokens: number): void {
  allowance.spendOutput(tokens);
  visit.state.records.spend(visit.exchange.record, 0, tokens);
}

function answerWhole(admitted: Admitted): void {
  const { visit, plan, answer, envelope, verdict } = admitted;
  const { pace, options } = visit.state;
  const delay = pace.firstByte() + pace.whole(answer.outputTokens, options.tokensPerEvent);
  visit.exchange.after(delay, () => {
    plan.commit();
    spend(admitted, answer.outputTokens);
    sendAnswer(visit, wholeMessage(answer, envelope), verdict, 0);
  });
}

function answerStream(admitted: Admitted): void {
  const { visit, plan, answer, envelope, verdict } = admitted;
  const { exchange, state } = visit;
  const { pace, options, padding } = state;
  exchange.after(pace.firstByte(), () => {
    playStream(exchange, streamFrames(answer, envelope, options.tokensPerEvent, padding), {
      clock: options.clock,
      pace,
      pingInterval: options.pingInterval,
      fault: verdict.later,
      onTokens: (tokens) => spend(admitted, tokens),
      onStart: plan.commit,
    });
  });
}

/** Answers `POST /v1/messages`. Throws ApiError. */
export async function createMessage(visit: Visit): Promise<void> {
  const { exchange, state, principal } = visit;
  const { text, value } = await readJson(visit, LARGEST_BODY);
  const { request, model } = validateMessages(value, validationContext(visit));
  const streams = request.stream === true;
  exchange.record.model = model.id;
  exchange.record.stream = streams;
  const allowance = state.limiter.allowance(principal, model);
  exchange.setLimitHeaders(() => allowance.headers('messages'));
  const verdict = await meetFaults(visit, streams);
  if (verdict.answered) return;
  const plan = state.cache.plan(principal.organization, model, request);
  checkContextWindow(plan.input, model);
  allowance.admitMessage(plan.input.fresh + plan.input.written5m + plan.input.written1h);
  state.records.spend(exchange.record, totalInput(plan.input), 0);
  const answer = generateAnswer(request, digestRequest(text), {
    model,
    organization: principal.organization,
    outputTokens: state.options.outputTokens,
    signer: state.signer,
  });
  const envelope = {
    id: state.ids.next('msg_01'),
    model: model.id,
    input: plan.input,
    service: serviceOf(request, 'standard'),
  };
  const admitted = { visit, allowance, plan, answer, envelope, verdict };
  if (streams) answerStream(admitted);
  else answerWhole(admitted);
}

/** Answers `POST /v1/messages/count_tokens`: what the same prompt would count for there. Throws ApiError. */
export async function countMessageTokens(visit: Visit): Promise<void> {
  const { exchange, state, principal } = visit;
  const { value } = await readJson(visit, LARGEST_BODY);
  const { request, model } = validateCountTokens(value, validationContext(visit));
  exchange.record.model = model.id;
  const allowance = state.limiter.allowance(principal, model);
  exchange.setLimitHeaders(() => allowance.headers('count_tokens'));
  await answerPlainly(visit, () => {
    allowance.admitCount();
    return { input_tokens: countTokens(segmentsOf(request)) };
  });
}
