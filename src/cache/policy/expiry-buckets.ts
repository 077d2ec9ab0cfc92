/** Milliseconds of expiry that share a bucket: an entry comes up at most so much after it has expired. */
export const BUCKET_MS = 1000;

/** What can lie in a bucket: its times, in milliseconds, and its place there, which ExpiryBuckets alone writes. */
export interface Expiring<E> {
  readonly start: number;
  readonly ttl: number;
  /** Undefined while in none. */
  bucket: number | undefined;
  previous: E | undefined;
  next: E | undefined;
}

/**
 * Which entries have expired, without looking at those that have not: they lie by the second of their expiry, as in
 * Ristretto (https://github.com/dgraph-io/ristretto/blob/main/ttl.go), in linked lists, so that an entry comes and goes
 * in constant time. What lives for ever is not held.
 */
export class ExpiryBuckets<E extends Expiring<E>> {
  /** The entry of each bucket that was added last. */
  readonly #heads = new Map<number, E>();
  /** No bucket before this one holds anything. */
  #earliest = 0;

  /** Takes in an entry that is in no bucket. */
  add(entry: E): void {
    const expires = entry.start + entry.ttl;
    if (expires === Number.POSITIVE_INFINITY) return;
    // Where nothing is held, the seconds that have passed since need not be looked through.
    if (this.#heads.size === 0) this.#earliest = Math.floor(entry.start / BUCKET_MS) + 1;
    const bucket = Math.max(this.#earliest, Math.ceil(expires / BUCKET_MS));
    const head = this.#heads.get(bucket);
    if (head !== undefined) head.previous = entry;
    entry.bucket = bucket;
    entry.next = head;
    this.#heads.set(bucket, entry);
  }

  /** Without effect on an entry that is in no bucket. */
  remove(entry: E): void {
    const { bucket, previous, next } = entry;
    if (bucket === undefined) return;
    if (next !== undefined) next.previous = previous;
    if (previous !== undefined) previous.next = next;
    else if (next !== undefined) this.#heads.set(bucket, next);
    else this.#heads.delete(bucket);
    entry.bucket = undefined;
    entry.previous = undefined;
    entry.next = undefined;
  }

  /** An entry of the earliest bucket whose whole second is over; it stays there until it is removed. */
  due(now: number): E | undefined {
    if (this.#heads.size === 0) return undefined;
    for (const last = Math.floor(now / BUCKET_MS); this.#earliest <= last; this.#earliest += 1) {
      const head = this.#heads.get(this.#earliest);
      if (head !== undefined) return head;
    }
    return undefined;
  }
}
