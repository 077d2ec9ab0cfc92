/** Open-loop load: calls begin when they are due, however long those before them take. */
import type { Answered, Question, Subject } from './subjects.ts';

/** A question, and when it is asked, in milliseconds since the start. */
export interface Due extends Question {
  readonly at: number;
}

/** How a call ended, when it was due, and when it really began. */
export interface Outcome extends Answered {
  readonly id: string;
  readonly at: number;
  readonly askedAt: number;
}

/** Milliseconds by which calls may begin late before the machine is too busy to measure anything. */
const LATE_MS = 1_000;

/** Asks each question when it is due; resolves when all are answered. */
export async function offer(subject: Subject, questions: Iterable<Due>): Promise<Outcome[]> {
  const startedAt = performance.now();
  const calls: Promise<Outcome>[] = [];
  let latest = 0;
  for (const question of questions) {
    const { id, at } = question;
    const wait = at - (performance.now() - startedAt);
    if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
    const askedAt = performance.now() - startedAt;
    latest = Math.max(latest, askedAt - at);
    calls.push(subject.ask(question).then((answered) => ({ ...answered, id, at, askedAt })));
  }
  const outcomes = await Promise.all(calls);
  if (latest > LATE_MS) console.log(`THE MACHINE IS TOO BUSY: calls began up to ${(latest / 1_000).toFixed(1)} s late`);
  return outcomes;
}

let asked = 0;

/** Short questions at an even rate, every other one as a stream. */
export function* evenly(perSecond: number, durationMs: number, from = 0): Generator<Due> {
  const count = Math.round((perSecond * durationMs) / 1_000);
  for (let index = 0; index < count; index += 1) yield question(from + (index * 1_000) / perSecond);
}

/** A short question that was never asked before. */
export function question(at: number): Due {
  asked += 1;
  return { id: `q${asked}`, text: `question ${asked}`, maxTokens: 16, stream: asked % 2 === 0, at };
}

/** A quantile of values in any order. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
