/** `/v1/messages/batches` and what is beneath it. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { notFound } from '../api-error.ts';
import { generateAnswer } from '../generation/answer.ts';
import { wholeMessage } from '../generation/message.ts';
import { sendBroken } from '../http/strike.ts';
import { digestRequest, serviceOf } from '../messages.ts';
import { paginate } from '../paging.ts';
import { countTokens, segmentsOf } from '../prompt.ts';
import type { MessagesRequest } from '../request.ts';
import { type Validated, validateMessages } from '../validation/request.ts';
import { answerPlainly, meetFaults, readJson, type Visit } from '../visit.ts';
import { Batch, type BatchInfo } from './batch.ts';
import { readBatch } from './create.ts';
import { type AnswerItem, countOutcomes, resultLines } from './results.ts';

/** 256 MB (reference 5.1). */
const LARGEST_BATCH = 256 * 1024 * 1024;

const JSON_LINES = 'application/x-jsonl';

function baseUrl({ exchange }: Visit): string {
  return `http://${exchange.request.headers.host}`;
}

/** Judges the body of an item by the terms of its batch. Throws ApiError. */
function validateItem({ state }: Visit, { terms }: Batch, params: unknown): Validated<MessagesRequest> {
  return validateMessages(params, { ...terms, models: state.models, signer: state.signer });
}

function describe(visit: Visit, batch: Batch): BatchInfo {
  const { options, batches } = visit.state;
  const outcomes = () =>
    batches.outcomes(batch, () =>
      countOutcomes(batch, (params) => {
        validateItem(visit, batch, params);
      }),
    );
  return batch.describe(options.clock.now(), outcomes, baseUrl(visit));
}

function find({ state, principal, route }: Visit): Batch {
  return state.batches.get(route.id, principal.organization);
}

/** Answers `POST /v1/messages/batches`. Throws ApiError. */
export async function createBatch(visit: Visit): Promise<void> {
  const { state, principal, version, betas } = visit;
  const { value } = await readJson(visit, LARGEST_BATCH);
  const items = readBatch(value);
  await answerPlainly(visit, () => {
    const now = state.options.clock.now();
    const id = state.ids.next('msgbatch_01');
    const terms = { organization: principal.organization, version, betas };
    const batch = new Batch(id, terms, items, now, state.options.batchDuration);
    state.batches.add(batch, now);
    return describe(visit, batch);
  });
}

/** Answers `GET /v1/messages/batches`. Throws ApiError. */
export async function listBatches(visit: Visit): Promise<void> {
  const { state, principal, route } = visit;
  await answerPlainly(visit, () => {
    const page = paginate(state.batches.list(principal.organization), new URLSearchParams(route.query));
    return { ...page, data: page.data.map((batch) => describe(visit, batch)) };
  });
}

/** Answers `GET /v1/messages/batches/{id}`. Throws ApiError. */
export async function getBatch(visit: Visit): Promise<void> {
  await answerPlainly(visit, () => describe(visit, find(visit)));
}

/** Answers `POST /v1/messages/batches/{id}/cancel`. Throws ApiError. */
export async function cancelBatch(visit: Visit): Promise<void> {
  await answerPlainly(visit, () => {
    const batch = find(visit);
    batch.cancel(visit.state.options.clock.now());
    return describe(visit, batch);
  });
}

/** Answers `DELETE /v1/messages/batches/{id}`. Throws ApiError. */
export async function deleteBatch(visit: Visit): Promise<void> {
  const { state, principal, route } = visit;
  await answerPlainly(visit, () => {
    state.batches.delete(route.id, principal.organization, state.options.clock.now());
    return { id: route.id, type: 'message_batch_deleted' };
  });
}

/** Makes the messages of a batch's results. Their prompts are counted as if nothing had been cached. */
function answerItem(visit: Visit, batch: Batch): AnswerItem {
  const { state } = visit;
  return (params, itemId) => {
    const { request, model } = validateItem(visit, batch, params);
    const answer = generateAnswer(request, digestRequest(JSON.stringify(params)), {
      model,
      organization: batch.terms.organization,
      outputTokens: state.options.outputTokens,
      signer: state.signer,
    });
    const input = { fresh: countTokens(segmentsOf(request)), read: 0, written5m: 0, written1h: 0 };
    return wholeMessage(answer, {
      id: `msg_${itemId}`,
      model: model.id,
      input,
      service: serviceOf(request, 'batch'),
    });
  };
}

/** Answers `GET /v1/messages/batches/{id}/results`: JSON Lines, in any order. Throws ApiError. */
export async function batchResults(visit: Visit): Promise<void> {
  const { exchange, state } = visit;
  const batch = find(visit);
  if (!batch.hasResults(state.options.clock.now())) throw notFound(`Batch ${batch.id} has no available results.`);
  const verdict = await meetFaults(visit, false);
  if (verdict.answered) return;
  const { later } = verdict;
  const lines = resultLines(batch, answerItem(visit, batch));
  exchange.after(state.pace.firstByte(), () => {
    if (later !== undefined) {
      sendBroken(exchange, JSON_LINES, [...lines].join(''), later);
      return;
    }
    pipeline(Readable.from(lines), exchange.begin(JSON_LINES)).catch((error: unknown) => exchange.fail(error));
  });
}
