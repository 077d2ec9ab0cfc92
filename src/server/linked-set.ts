/**
 * A set of what comes and goes with every call, oldest first.
 *
 * A `Set` would do, but for garbage collection: V8's hash tables grow by moving to another, the old one keeps a reference
 * to the new one, and once an old one has outlived its youth, all that was in any of them when it moved is taken to be
 * alive, and copied twice, until the next full collection. With one or two tables that all calls pass, that is every call
 * with all that it held.
 */
export class LinkedSet<T> implements Iterable<T> {
  #first: Member<T> | undefined;
  #last: Member<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get oldest(): Member<T> | undefined {
    return this.#first;
  }

  add(value: T): Member<T> {
    const member: Member<T> = { value, previous: this.#last, next: undefined, isIn: true };
    if (this.#last === undefined) this.#first = member;
    else this.#last.next = member;
    this.#last = member;
    this.#size += 1;
    return member;
  }

  /** Whether it was still in the set. */
  delete(member: Member<T>): boolean {
    if (!member.isIn) return false;
    const { previous, next } = member;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    member.previous = undefined;
    member.next = undefined;
    member.isIn = false;
    this.#size -= 1;
    return true;
  }

  /** Of those that are in it now, each that has not left when its turn comes. */
  *[Symbol.iterator](): Iterator<T> {
    const members: Member<T>[] = [];
    for (let member = this.#first; member !== undefined; member = member.next) members.push(member);
    for (const { isIn, value } of members) if (isIn) yield value;
  }
}

/** A place in a LinkedSet, which its `delete` takes. */
export interface Member<T> {
  readonly value: T;
  previous: Member<T> | undefined;
  next: Member<T> | undefined;
  isIn: boolean;
}
