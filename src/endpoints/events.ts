import type { Reason } from '../completion/errors.ts';
import type { BreakerState } from './breaker.ts';
import type { LimitKind } from './rate-limit-headers.ts';

/** What was set aside, for how long, and by which answer of the upstream. */
export type SetAside =
  | { readonly kind: 'limit'; readonly organization: string; readonly modelClass: string }
  | { readonly kind: 'model'; readonly region: string; readonly model: string }
  | { readonly kind: 'account'; readonly account: string }
  | { readonly kind: 'organization'; readonly organization: string };

/** Where pooled capacity tells what happens in it. Times are milliseconds. Called synchronously: must not throw, nor call back. */
export interface EndpointEvents {
  readonly breakerChanged: (account: string, region: string, state: BreakerState) => void;
  /** What the upstream said is left of a limit of the account's organization. */
  readonly limitRemaining: (account: string, limit: LimitKind, remaining: number) => void;
  readonly setAside: (what: SetAside, milliseconds: number) => void;
  readonly queueLength: (priority: 'interactive' | 'background', length: number) => void;
  readonly queueWaited: (priority: 'interactive' | 'background', milliseconds: number) => void;
  readonly roundTrip: (region: string, method: 'icmp' | 'tcp', milliseconds: number) => void;
  /** Another attempt follows a failure of this reason. */
  readonly retried: (reason: Reason) => void;
  /** A second attempt was sent because the first was slow. */
  readonly hedged: () => void;
}
