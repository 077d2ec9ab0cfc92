import type { RedisReply } from '../redis/client.ts';
import type { LuaScript } from '../redis/script.ts';
import { type DaySum, dayOf } from './daily-sums.ts';
import { RENEW, RESERVE, SETTLE } from './quota-lua.ts';
import type { Lease, QuotaName, Refusal, Used } from './quota-store.ts';

/** What a reservation has come to. */
export interface Verdict {
  readonly refusal: Refusal | undefined;
  /** Billionths of a dollar that the subject has spent or reserved today. */
  readonly spent: DaySum;
}

/** Runs a script. Rejects with RedisUnavailable where it has no answer. */
export type RunScript = (
  script: LuaScript,
  keys: readonly string[],
  args: readonly (string | number)[],
) => Promise<RedisReply>;

/** A lease, and when it now ends, milliseconds since the epoch. */
export interface Renewed {
  readonly id: string;
  readonly expiresAt: number;
}

export interface SettleOptions {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Do nothing where the lease is not open: it may be settled already. */
  readonly onlyOpen: boolean;
}

/** Lua unpacks several thousand values and no more. */
const RENEWED_AT_ONCE = 1000;

/** The quotas' state in Redis, as QuotaStore describes it: one script for each operation. Rejects with RedisUnavailable. */
export class RedisQuotaScripts {
  readonly #run: RunScript;

  constructor(run: RunScript) {
    this.#run = run;
  }

  /**
   * @param expiresAt when the lease ends unless it is renewed, milliseconds since the epoch
   * @param begin what was spent as far as known, where Redis has forgotten
   */
  async reserve(lease: Lease, expiresAt: number, begin: DaySum): Promise<Verdict> {
    return this.#reserve(lease, expiresAt, begin, false);
  }

  /** Makes the charges whatever the limits are; once, however often it is told. */
  async charge(lease: Lease, expiresAt: number, begin: DaySum): Promise<Verdict> {
    return this.#reserve(lease, expiresAt, begin, true);
  }

  async settle(lease: Lease, used: Used, begin: DaySum, { now, onlyOpen }: SettleOptions): Promise<DaySum> {
    const charges = lease.charges.flatMap(({ quota, amount }) => [quota, amount]);
    const flag = onlyOpen ? 1 : 0;
    const reply = await this.#run(SETTLE, keysOf(lease.subject), [
      now,
      begin.day,
      begin.sum,
      lease.id,
      dayOf(lease.at),
      flag,
      used.tokens,
      used.nanoUsd,
      ...charges,
    ]);
    const [day, nanoUsd] = texts(reply);
    return { day: Number(day), sum: Number(nanoUsd) };
  }

  /**
   * Keeps leases of a subject from expiring; brings them back where Redis has lost them.
   *
   * @param leaseMs the longest that any of them lasts from now
   */
  async renew(subject: string, leases: readonly Renewed[], leaseMs: number): Promise<void> {
    const [, key] = keysOf(subject);
    for (let from = 0; from < leases.length; from += RENEWED_AT_ONCE) {
      const members = leases.slice(from, from + RENEWED_AT_ONCE).flatMap(({ id, expiresAt }) => [expiresAt, id]);
      await this.#run(RENEW, [key], [2 * leaseMs, ...members]);
    }
  }

  async #reserve(lease: Lease, expiresAt: number, begin: DaySum, unasked: boolean): Promise<Verdict> {
    const charges = lease.charges.flatMap(({ quota, limit, amount }) => [quota, limit, amount]);
    const reply = await this.#run(RESERVE, keysOf(lease.subject), [
      lease.at,
      begin.day,
      begin.sum,
      lease.id,
      expiresAt,
      unasked ? 1 : 0,
      ...charges,
    ]);
    const [quota, wait, day, nanoUsd] = texts(reply);
    const charge = lease.charges.find((candidate) => candidate.quota === quota);
    const spent = { day: Number(day), sum: Number(nanoUsd) };
    return { refusal: charge && refusalOf(charge.quota, charge.limit, wait), spent };
  }
}

function refusalOf(quota: QuotaName, limit: number, wait: string | undefined): Refusal {
  return wait === undefined || wait === '' ? { quota, limit } : { quota, limit, retryAfter: Number(wait) };
}

/** Braces keep the keys of a subject in one slot of a cluster, and so must not come from its name. */
function keysOf(subject: string): [meters: string, leases: string] {
  const prefix = `claude-relay:quota:v1:{${encodeURIComponent(subject)}}`;
  return [`${prefix}:meters`, `${prefix}:leases`];
}

function texts(reply: RedisReply): readonly string[] {
  return Array.isArray(reply) ? reply.map(String) : [];
}
