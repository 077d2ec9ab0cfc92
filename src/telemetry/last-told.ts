/** What was last told of things that come and go, by thing and then by kind. */
export class LastTold {
  readonly #values = new Map<string, Map<string, number>>();

  tell(thing: string, kind: string, value: number): void {
    const values = this.#values.get(thing);
    if (values === undefined) this.#values.set(thing, new Map([[kind, value]]));
    else values.set(kind, value);
  }

  /** Forgets what was told of other things, which would be out of date if they came again; returns what remains. */
  keepOnly(things: ReadonlySet<string>): { readonly thing: string; readonly kind: string; readonly value: number }[] {
    for (const thing of this.#values.keys()) if (!things.has(thing)) this.#values.delete(thing);
    return [...this.#values].flatMap(([thing, values]) => [...values].map(([kind, value]) => ({ thing, kind, value })));
  }
}
