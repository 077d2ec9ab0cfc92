import { RelayError } from './errors.ts';
import type { StreamEvent } from './reply.ts';
import { type Over, Reader, type Shared } from './shared-reader.ts';

/** What keeps events, and can let go of some. */
interface Holder {
  /** Bytes kept. */
  readonly retained: number;
  /** Lets go of something; false where everything is needed. */
  shed(): boolean;
}

/**
 * Bounds what streams keep for their readers in all, so that neither many answers under way nor readers who stall can
 * fill the memory. Over the bound, whoever keeps most gives up first (longest queue drop: B. Suter et al., "Design
 * considerations for supporting TCP with per-flow queueing", INFOCOM 1998), so that a few stalled ones cost nobody else.
 */
export class HistoryBudget {
  private readonly capacity: number;
  private readonly holders = new Set<Holder>();
  private used = 0;

  /** @param capacity bytes */
  constructor(capacity: number) {
    this.capacity = capacity;
  }

  enter(holder: Holder): void {
    this.holders.add(holder);
  }

  leave(holder: Holder): void {
    this.holders.delete(holder);
  }

  take(bytes: number): void {
    this.used += bytes;
    while (this.used > this.capacity && this.largest()?.shed() === true);
  }

  give(bytes: number): void {
    this.used -= bytes;
  }

  private largest(): Holder | undefined {
    let largest: Holder | undefined;
    for (const holder of this.holders) {
      if (largest === undefined || holder.retained > largest.retained) largest = holder;
    }
    return largest;
  }
}

/** What one retained event costs beside its text: its object, its slot and the head of its string. */
const EVENT_OVERHEAD = 128;
const TRIM_STEP = 64;

/**
 * One stream of events for several readers. Each reads all of it from the first event, at its own pace; the source is
 * read no faster than the fastest reader reads. What has come is kept for readers who join later, while the budget
 * allows; then nobody can join any more, and only what some reader has not read yet is kept. Where even that is more than
 * the budget allows, the slowest reader loses its place, with STREAM_INTERRUPTED: the others must not wait for it.
 */
export class SharedStream implements Holder, Shared {
  private readonly source: AsyncIterator<StreamEvent>;
  private readonly budget: HistoryBudget;
  private readonly readers = new Set<Reader>();
  private history: StreamEvent[] = [];
  /** Place in the stream of the first event in `history`. */
  private base = 0;
  private pulling = false;
  private open = true;
  private end: { readonly error: unknown } | undefined;
  retained = 0;

  constructor(source: AsyncIterable<StreamEvent>, budget: HistoryBudget) {
    this.source = source[Symbol.asyncIterator]();
    this.budget = budget;
    budget.enter(this);
  }

  /** Whether a new reader would get the whole stream. */
  get joinable(): boolean {
    return this.open && this.end === undefined;
  }

  /** Whether the source has ended, well or not. */
  get ended(): boolean {
    return this.end !== undefined;
  }

  /** A reader of the whole stream. `signal` ends its waiting with the signal's reason. */
  read(signal: AbortSignal, over: Over): AsyncIterableIterator<StreamEvent> {
    const reader = new Reader(this, signal, over);
    this.readers.add(reader);
    // A signal that has aborted already tells nobody any more.
    if (signal.aborted) reader.abort();
    return reader;
  }

  at(place: number): StreamEvent | 'end' | undefined {
    const event = this.history[place - this.base];
    if (event !== undefined) return event;
    if (this.end === undefined) return undefined;
    if (this.end.error !== undefined) throw this.end.error;
    return 'end';
  }

  pull(): void {
    if (this.pulling || this.end !== undefined) return;
    this.pulling = true;
    this.source.next().then(
      (result) => {
        this.pulling = false;
        if (result.done === true) this.finish(undefined);
        else if (this.end === undefined) this.take(result.value);
      },
      (error: unknown) => this.finish(error),
    );
  }

  shed(): boolean {
    const before = this.retained;
    this.open = false;
    this.trim(1);
    if (this.retained < before) return true;
    const slowest = this.slowest();
    if (slowest === undefined) return false;
    slowest.fail(tooSlow());
    this.trim(1);
    return this.retained < before;
  }

  leave(reader: Reader): void {
    this.readers.delete(reader);
    this.trim(TRIM_STEP);
    if (this.end !== undefined && this.readers.size === 0) this.budget.leave(this);
  }

  /** Nobody will read any more: lets go of everything. */
  close(): void {
    this.finish(undefined);
  }

  private take(event: StreamEvent): void {
    this.history.push(event);
    const bytes = sizeOf(event);
    this.retained += bytes;
    // First to the readers: what all of them have read is not kept.
    this.wake();
    this.budget.take(bytes);
  }

  /** Lets go of what no reader needs any more, in steps: taking single events off a long array would copy it each time. */
  private trim(step: number): void {
    if (this.open) return;
    let needed = Number.POSITIVE_INFINITY;
    for (const reader of this.readers) needed = Math.min(needed, reader.place);
    const excess = Math.min(needed - this.base, this.history.length);
    if (excess >= step || excess === this.history.length) this.release(excess);
  }

  private release(count: number): void {
    let bytes = 0;
    for (let index = 0; index < count; index++) bytes += sizeOf(this.history[index]);
    this.history.splice(0, count);
    this.base += count;
    this.retained -= bytes;
    this.budget.give(bytes);
  }

  private finish(error: unknown): void {
    this.pulling = false;
    if (this.end !== undefined) return;
    this.end = { error };
    this.open = false;
    this.wake();
    if (this.readers.size === 0) this.budget.leave(this);
  }

  /** The reader who is furthest behind; one who is but an event behind is about to read it. */
  private slowest(): Reader | undefined {
    let slowest: Reader | undefined;
    for (const reader of this.readers) if (slowest === undefined || reader.place < slowest.place) slowest = reader;
    return slowest !== undefined && slowest.place + 1 < this.base + this.history.length ? slowest : undefined;
  }

  private wake(): void {
    for (const reader of this.readers) reader.wake();
    this.trim(TRIM_STEP);
  }
}

function sizeOf(event: StreamEvent | undefined): number {
  return event === undefined ? 0 : event.data.length + EVENT_OVERHEAD;
}

function tooSlow(): RelayError {
  return new RelayError(
    'STREAM_INTERRUPTED',
    'The answer was shared with faster callers, and more of it waited for this one than is kept. Send the request anew.',
    { scope: 'none' },
  );
}
